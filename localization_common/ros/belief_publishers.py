"""Publishers of a belief and its map for RViz: particles, their density over the floor, the context views."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseArray
from nav_msgs.msg import OccupancyGrid
from visualization_msgs.msg import MarkerArray

from localization_common.ros.estimate_checks import require_planar
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.outputs import (
    LATCHED,
    MAX_CELLS,
    belief_grid,
    particle_cloud,
    particle_cloud_type,
    particle_markers,
    pose_array,
    possible_resolution,
    view_markers,
    wanted,
)

Array = npt.NDArray[np.float64]


class BeliefPublishers:
    """Publishers of a belief. A message is made only if it has a subscriber; `particle_cloud` needs nav2_msgs."""

    def __init__(self, node: LocalizerNode[Any]) -> None:
        self._node = node
        publisher = node.create_lifecycle_publisher
        self._particles = publisher(PoseArray, "~/particles", 2)
        self._markers = publisher(MarkerArray, "~/particle_markers", 2)
        self._belief = publisher(OccupancyGrid, "~/belief", 2)
        self._views = publisher(MarkerArray, "~/context_views", LATCHED)
        self._warned: object = None
        cloud_type = particle_cloud_type()
        self._cloud = None if cloud_type is None else publisher(cloud_type, "particle_cloud", 2)

    def publish(
        self,
        stamp: int,
        particles: Array,
        weights: Array,
        *,
        most: int,
        bounds: tuple[float, float, float, float],
        cell: float,
    ) -> None:
        """Publish particles (K, 3) with weights (K,).

        Args:
            most: largest number of particles in a message.
            bounds, cell: min_x, min_y, max_x, max_y of the grid and the width of its cells, metres; all particles
                count in the grid.
        """
        if not self._node.results.passes("particles", lambda: require_planar("particles", particles, weights)):
            return
        frame = self._node.settings.global_frame_id
        every = -(-len(particles) // most)
        poses, shares = particles[::every], weights[::every]
        if wanted(self._particles):
            self._particles.publish(pose_array(stamp, frame, poses))
        if wanted(self._markers):
            self._markers.publish(particle_markers(stamp, frame, poses, shares))
        if self._cloud is not None and wanted(self._cloud):
            self._cloud.publish(particle_cloud(stamp, frame, poses, shares))
        if wanted(self._belief):
            self._warn_if_coarse(bounds, cell)
            self._belief.publish(belief_grid(stamp, frame, particles, weights, bounds, cell))

    def _warn_if_coarse(self, bounds: tuple[float, float, float, float], cell: float) -> None:
        """Warn once that the cells of the grid are larger than the parameter."""
        side = possible_resolution(bounds, cell)
        if side > cell and (bounds, cell) != self._warned:
            self._warned = (bounds, cell)
            self._node.get_logger().warning(
                f"{self._belief.topic_name}: cells of {side:.3g} m instead of {cell} m: the map's bounds {bounds} "
                f"would need more than {MAX_CELLS} cells; correct the bounds, or set belief_resolution to {side:.3g}"
            )

    def publish_views(self, poses: Array) -> None:
        """Publish the poses (N, 3) of the map's views."""
        if not self._node.results.passes("views", lambda: require_planar("views of the map", poses)):
            return
        now = self._node.get_clock().now().nanoseconds
        self._views.publish(view_markers(now, self._node.settings.global_frame_id, poses))
