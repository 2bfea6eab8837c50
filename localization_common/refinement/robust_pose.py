"""Robust poses from matches with outliers: from a pose nearby, or from samples."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.refinement.candidates import ray_jacobian
from localization_common.refinement.perturbation import moved_by, ray_errors

Array = npt.NDArray[np.float64]

#: Focal length in pixels by which rays are scaled for OpenCV, whose thresholds are in pixels.
_FOCAL = 500.0


def from_start(points: Array, rays: Array, pose: Array, limit: float) -> Array:
    """Solve by least squares with Geman and McClure's weights, whose width shrinks to the limit."""
    errors = np.linalg.norm(ray_errors(points, rays, pose)[0], axis=1)
    width = max(2.0 * limit, float(np.quantile(errors, 0.75)))
    while True:
        width = max(width, limit)
        pose = _step(points, rays, pose, width)
        if width == limit:
            return pose
        width /= 1.6


def _step(points: Array, rays: Array, pose: Array, width: float) -> Array:
    """Return the pose after one Gauss-Newton step."""
    errors, sight, local = ray_errors(points, rays, pose)
    weight = (width**2 / (width**2 + (errors**2).sum(axis=1))) ** 2
    jacobian = ray_jacobian(sight, local, pose[:3, :3])
    weighted = (jacobian * weight[:, None, None]).reshape(-1, 6)
    step = -np.linalg.solve(weighted.T @ jacobian.reshape(-1, 6) + 1e-6 * np.eye(6), weighted.T @ errors.ravel())
    return moved_by(pose, step)


def from_samples(points: Array, rays: Array, limit: float) -> Array | None:
    """Return the pose of a sample with which most of the matches agree; None without one."""
    try:
        found, turned, moved, _ = cv2.solvePnPRansac(
            points,
            rays * _FOCAL,
            np.diag([_FOCAL, _FOCAL, 1.0]),
            None,
            iterationsCount=300,
            reprojectionError=limit * _FOCAL,
            confidence=0.999,
            flags=cv2.USAC_MAGSAC,
        )
    except cv2.error:  # samples that determine no pose, such as points on one line
        return None
    if not found or not np.isfinite(turned).all() or not np.isfinite(moved).all():
        return None
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(turned)[0].T
    pose[:3, 3] = -pose[:3, :3] @ moved[:, 0]
    return pose
