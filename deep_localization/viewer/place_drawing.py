"""Drawing of the maps of a place: occupancy grid, points of the keyframe map, context views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from deep_localization.viewer.scene import Scene
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.place.parts import PARTS
from localization_mapping.occupancy.map_files import read_map_files

Array = npt.NDArray[np.float64]


def draw_place(scene: Scene, place: Path | None, keyframe_map: Path | None) -> Array | None:
    """Draw the occupancy grid of a place and the points of a keyframe map, where there are any.

    Returns:
        min_x, min_y, max_x, max_y of both, metres; None without either.

    Raises:
        CheckpointError, MapError: a file is damaged.
    """
    corners: list[Array] = []
    grid_file = None if place is None else place / PARTS["occupancy"].file
    if grid_file is not None and grid_file.is_file():
        grid = read_map_files(grid_file)
        scene.occupancy(grid.cells, grid.area.origin, grid.area.resolution)
        known = np.argwhere(grid.cells >= 0)[:, ::-1]
        corners.append(np.asarray(grid.area.origin) + grid.area.resolution * known)
    if keyframe_map is not None:
        points = KeyframeMap.load(keyframe_map).points
        scene.keyframe_points(points)
        corners.append(np.percentile(points[:, :2].astype(np.float64), [2, 98], axis=0))
    return bounds_of(*corners)


def bounds_of(*points: Array) -> Array | None:
    """min_x, min_y, max_x, max_y of points (N, 2 or more); None without a point."""
    found = [one[:, :2] for one in points if len(one)]
    if not found:
        return None
    together = np.concatenate(found)
    return np.concatenate([together.min(axis=0), together.max(axis=0)])
