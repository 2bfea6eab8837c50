"""Pose of the camera from scene coordinates: robust PnP over the cells of one image.

A sample of few cells gives a pose (MAGSAC with local optimisation), least squares over the cells that agree refine it.
Each cell counts by the reprojection error that the network expects of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from localization_common.camera import Camera
from localization_common.refinement.acceptance import covariance, rejection
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.pose_solver import solve
from vlocnet_ros.network.scene_coordinates import cell_rays

Array = npt.NDArray[np.float64]

#: Cells with a larger expected reprojection error take no part, pixels; a share of the best cells always does.
_USEFUL, _BEST = 3.0, 0.3
#: Smallest expected error, pixels: neighbouring cells have common errors.
_LEAST = 0.3
#: Conditions for a pose; the search in a keyframe map has the same ones.
_ACCEPTED = RefinementConfig(inliers=20, share=0.25, cells=4, inlier=3.0)


#: Evidence of a frame without a pose (`ScenePose.evidence`): metres, radians, few cells of which few agree.
UNSOLVED: Array = np.log([1.0, 0.3, 0.05, 10.0])


@dataclass(frozen=True)
class ScenePose:
    """Pose from scene coordinates.

    Attributes:
        map_T_camera: (4, 4) pose of the optical frame.
        covariance: (6, 6) about the map's axes, as if the errors of all cells were independent.
        share: share of the cells that agree, 0..1, of those that the network is sure of.
        cells: number of these cells.
    """

    map_T_camera: Array
    covariance: Array
    share: float
    cells: int

    @cached_property
    def evidence(self) -> Array:
        """Numbers (4,) from which the error is predicted: logarithms of deviations (m, rad), of share and cells."""
        deviations = np.sqrt([np.trace(self.covariance[:3, :3]), np.trace(self.covariance[3:, 3:])])
        return np.asarray(np.log([*deviations, self.share, self.cells]))


class ScenePoseSolver:
    """Solver for the poses of one camera.

    Args:
        camera: camera of the network's input, without distortion.
    """

    def __init__(self, camera: Camera) -> None:
        intrinsics = torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy], dtype=torch.float64)
        self._camera = camera
        self._rays: Array = cell_rays(camera.height, camera.width, intrinsics)[:, :2].numpy()

    def solve(self, coordinates: npt.NDArray[np.floating]) -> tuple[ScenePose | None, str]:
        """Solve for the pose of one image.

        Args:
            coordinates: (4, h, w) of the network, see `Prediction`.

        Returns:
            The pose, and "" or, without a pose, the reason.
        """
        flat = np.asarray(coordinates, dtype=np.float64).reshape(4, -1)
        points, pixels = flat[:3].T, np.exp(np.clip(flat[3], -10.0, 10.0))
        chosen = pixels <= max(_USEFUL, float(np.quantile(pixels, _BEST)))
        points, rays = points[chosen], self._rays[chosen]
        noise = np.maximum(pixels[chosen], _LEAST) / self._camera.fx
        solution = solve(points, rays, noise=noise, inlier=_ACCEPTED.inlier, least=_ACCEPTED.inliers)
        reason = rejection(solution, rays, self._camera, _ACCEPTED, inliers=_ACCEPTED.inliers)
        if solution is None or reason:
            return None, reason
        own = covariance(solution, np.zeros((6, 6)))
        return ScenePose(solution.map_T_camera, own, float(solution.inliers.mean()), len(points)), ""
