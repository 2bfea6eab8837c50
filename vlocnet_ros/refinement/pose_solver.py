"""The pose that points and rays agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlocnet_ros.refinement.candidates import ray_jacobian
from vlocnet_ros.refinement.perturbation import difference, moved_by, ray_errors, within
from vlocnet_ros.refinement.robust_pose import from_samples, from_start

Array = npt.NDArray[np.float64]

#: Share of the matches that a pose found from a start must explain, or samples are tried too.
_TRUSTED = 0.5
#: Standard deviations from which on a residual counts by its size, not its square (Huber).
_HUBER = 1.5


@dataclass(frozen=True)
class PosePrior:
    """A pose (4, 4) and the information (6, 6), inverse covariance, about the map's axes."""

    map_T_camera: Array
    information: Array


@dataclass(frozen=True)
class PoseSolution:
    """What the matches agree on.

    Attributes:
        map_T_camera: (4, 4).
        information: (6, 6) inverse covariance about the map's axes, for rays that scatter by `noise`.
        inliers: (M,) which matches agree.
        chi2: variance of the inliers' rays, of which the information knows nothing; 1 where they scatter by `noise`.
    """

    map_T_camera: Array
    information: Array
    inliers: npt.NDArray[np.bool_]
    chi2: float


def solve(
    points: Array,
    rays: Array,
    *,
    noise: float,
    inlier: float,
    least: int,
    start: Array | None = None,
    prior: PosePrior | None = None,
) -> PoseSolution | None:
    """Robust pose, then least squares over the inliers and a soft prior; None if too few agree.

    Args:
        points: (M, 3) in the map. rays: (M, 2) at depth one.
        noise: standard deviation of a ray. inlier: largest error of an inlier, in these.
        least: inliers at least.
        start: (4, 4) near the pose: errors that count shrink from there (graduated non-convexity, Yang 2020). Without
            one, or where that ends with less than half of the matches, poses of few matches are tried (MAGSAC, Barath
            2020).
        prior: from the frame before and the odometry, or None.
    """
    if len(points) < least:
        return None
    limit = inlier * noise
    pose = None if start is None else from_start(points, rays, start, limit)
    if pose is None or within(points, rays, pose, limit).mean() < _TRUSTED:
        sampled = from_samples(points, rays, limit)
        if sampled is not None and (
            pose is None or within(points, rays, sampled, limit).sum() > within(points, rays, pose, limit).sum()
        ):
            pose = sampled
    if pose is None:
        return None
    for _ in range(2):
        inliers = within(points, rays, pose, limit)
        if inliers.sum() < least:
            return None
        pose, information, chi2 = _least_squares(points[inliers], rays[inliers], pose, noise, prior)
    return PoseSolution(pose, information, inliers, chi2)


def _least_squares(
    points: Array, rays: Array, pose: Array, noise: float, prior: PosePrior | None
) -> tuple[Array, Array, float]:
    """Gauss-Newton with Huber's weights: pose, information, and variance of the rays (`PoseSolution.chi2`)."""
    for _ in range(5):
        errors, sight, local = ray_errors(points, rays, pose)
        scaled = errors / noise
        weight = 1.0 / np.maximum(1.0, np.linalg.norm(scaled, axis=1) / _HUBER)
        jacobian = ray_jacobian(sight, local, pose[:3, :3]) / noise
        weighted = (jacobian * weight[:, None, None]).reshape(-1, 6)
        curvature = weighted.T @ jacobian.reshape(-1, 6)
        gradient = weighted.T @ scaled.ravel()
        information = np.einsum("mki,mkj->ij", jacobian, jacobian)
        if prior is not None:
            curvature, information = curvature + prior.information, information + prior.information
            gradient = gradient + prior.information @ difference(pose, prior.map_T_camera)
        step = -np.linalg.solve(curvature + 1e-9 * np.eye(6), gradient)
        pose = moved_by(pose, step)
        if np.abs(step).max() < 1e-6:
            break
    return pose, information, _variance(scaled)


def _variance(scaled: Array) -> float:
    """Factor that Huber's estimate from residuals (M, 2), in standard deviations, is less sure by than least squares
    from ones that scatter by one: E[psi^2] / E[psi']^2 (Huber 1981, 7.6), for M - 3 degrees of freedom of M."""
    size = np.linalg.norm(scaled, axis=1)
    squared = 0.5 * np.mean(np.minimum(size, _HUBER) ** 2)
    # Beyond the bend psi is of constant length: it turns with the residual, and that is half of its derivative.
    slope = np.mean(np.where(size > _HUBER, 0.5 * _HUBER / np.maximum(size, _HUBER), 1.0))
    return float(squared / slope**2 * len(size) / (len(size) - 3.0))
