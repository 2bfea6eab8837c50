"""Small changes of a pose, and their effect on the rays of points."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def isotropic(metres: float, radians: float) -> Array:
    """Return a covariance (6, 6) of x y z rX rY rZ with the same standard deviations for all axes."""
    return np.diag([metres**2] * 3 + [radians**2] * 3)


def difference(pose: Array, other: Array) -> Array:
    """Return the twist (6,) x y z rX rY rZ about the map's axes from the other pose to this one."""
    turned = cv2.Rodrigues(pose[:3, :3] @ other[:3, :3].T)[0][:, 0]
    return np.concatenate([pose[:3, 3] - other[:3, 3], turned])


def moved_by(pose: Array, twist: Array) -> Array:
    """Return a pose, moved and rotated about the map's axes."""
    result = pose.copy()
    result[:3, 3] += twist[:3]
    result[:3, :3] = cv2.Rodrigues(twist[3:])[0] @ pose[:3, :3]
    return result


def ray_errors(points: Array, rays: Array, pose: Array) -> tuple[Array, Array, Array]:
    """Return errors (M, 2) of rays, and vectors (M, 3) from the camera to the points in the map's and in its axes."""
    sight = points - pose[:3, 3]
    local = sight @ pose[:3, :3]
    depth = np.where(local[:, 2:] > 1e-6, local[:, 2:], np.nan)
    return np.nan_to_num(local[:, :2] / depth - rays, nan=1e3), sight, local


def within(points: Array, rays: Array, pose: Array, limit: float | Array) -> npt.NDArray[np.bool_]:
    """Return which rays (M, 2) have errors below a limit at depth one, one for all or (M,) one for each."""
    near: npt.NDArray[np.bool_] = np.linalg.norm(ray_errors(points, rays, pose)[0], axis=1) < limit
    return near
