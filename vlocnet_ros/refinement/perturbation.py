"""Small changes of a pose, and what they do to the rays that points are seen along."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def isotropic(metres: float, radians: float) -> Array:
    """Covariance (6, 6) of x y z rX rY rZ, of the same standard deviation about all axes."""
    return np.diag([metres**2] * 3 + [radians**2] * 3)


def difference(pose: Array, other: Array) -> Array:
    """Twist (6,) x y z rX rY rZ about the map's axes that takes the other pose to this one."""
    turned = cv2.Rodrigues(pose[:3, :3] @ other[:3, :3].T)[0][:, 0]
    return np.concatenate([pose[:3, 3] - other[:3, 3], turned])


def moved_by(pose: Array, twist: Array) -> Array:
    """A pose, moved and turned about the map's axes."""
    result = pose.copy()
    result[:3, 3] += twist[:3]
    result[:3, :3] = cv2.Rodrigues(twist[3:])[0] @ pose[:3, :3]
    return result


def ray_errors(points: Array, rays: Array, pose: Array) -> tuple[Array, Array, Array]:
    """Errors (M, 2) of rays; points seen from the camera, in the map's axes and in its own (M, 3)."""
    sight = points - pose[:3, 3]
    local = sight @ pose[:3, :3]
    depth = np.where(local[:, 2:] > 1e-6, local[:, 2:], np.nan)
    return np.nan_to_num(local[:, :2] / depth - rays, nan=1e3), sight, local


def within(points: Array, rays: Array, pose: Array, limit: float) -> npt.NDArray[np.bool_]:
    """(M,) whether rays (M, 2) are off by less than a limit, at depth one."""
    near: npt.NDArray[np.bool_] = np.linalg.norm(ray_errors(points, rays, pose)[0], axis=1) < limit
    return near
