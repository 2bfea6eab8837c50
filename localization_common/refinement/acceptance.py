"""Acceptance of solved poses, and their covariance."""

from __future__ import annotations

import enum

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry.odometry_integration import rotate_covariance
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.pose_solver import PoseSolution

Array = npt.NDArray[np.float64]

_COLUMNS, _ROWS = 4, 3
#: Smallest factor of the covariance from squared residuals; smaller residuals are chance.
_LEAST_CHI2 = 0.05
#: Largest standard deviation of the pose in its worst direction, metres or radians.
_LOOSEST = 0.5


class Status(enum.Enum):
    """Result of the refinement of a frame."""

    REFINED = "refined"  # confirmed near the prior
    RELOCATED = "relocated"  # confirmed elsewhere, by several frames
    REFUSED = "refused"  # the prior is not changed


def rejection(
    solution: PoseSolution | None, rays: Array, camera: Camera, config: RefinementConfig, *, inliers: int
) -> str:
    """Return the reason why the matches do not confirm a pose; empty if they do.

    Args:
        solution: solved pose; None if too few matches agree.
        rays: (M, 2) rays of the matches.
        camera: camera of the image.
        config: parameters of the refinement.
        inliers: smallest number of inliers.
    """
    if solution is None:
        return f"fewer than {inliers} points agree on a pose"
    count, share = int(solution.inliers.sum()), float(solution.inliers.mean())
    if count < inliers:
        return f"{count} points agree on a pose, {inliers} are needed"
    if share < config.share:
        return f"{share:.0%} of the matches agree on a pose, {config.share:.0%} are needed"
    cells = spread(rays[solution.inliers], camera)
    if cells < config.cells:
        parts = _COLUMNS * _ROWS
        return f"the points that agree lie in {cells} of {parts} parts of the image, {config.cells} are needed"
    if not is_fixed(solution):
        return "the points that agree leave a motion free"
    return ""


def spread(rays: Array, camera: Camera) -> int:
    """Return the number of cells, of 4x3, of the image that contain rays."""
    pixels = camera.project(rays) / (camera.width, camera.height)
    cells = np.clip((pixels * (_COLUMNS, _ROWS)).astype(int), 0, (_COLUMNS - 1, _ROWS - 1))
    return len({(int(x), int(y)) for x, y in cells})


def covariance(solution: PoseSolution, correction: Array) -> Array:
    """Return the covariance (6, 6) of a pose about the map's axes.

    It is the sum of the solution's covariance, scaled by its residuals, and of the covariance of the correction (6, 6),
    which is given about the camera's axes.
    """
    return own_covariance(solution) + rotate_covariance(correction, solution.map_T_camera[:3, :3])


def own_covariance(solution: PoseSolution) -> Array:
    """Return the covariance (6, 6) of a solved pose in the adjusted map, scaled by its residuals."""
    return np.asarray(np.linalg.inv(solution.information) * max(_LEAST_CHI2, solution.chi2), dtype=np.float64)


def is_fixed(solution: PoseSolution) -> bool:
    """True if the points that agree leave no motion free."""
    return bool(np.linalg.eigvalsh(solution.information)[0] >= _LOOSEST**-2)
