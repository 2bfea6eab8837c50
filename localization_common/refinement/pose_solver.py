"""Solver for a pose from matches of points and rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.refinement.candidates import ray_jacobian
from localization_common.refinement.perturbation import difference, moved_by, ray_errors, within
from localization_common.refinement.robust_pose import from_samples, from_start

Array = npt.NDArray[np.float64]

#: Smallest share of inliers of a pose that was found from a start; below it, samples are tried, too.
_TRUSTED = 0.5
#: Standard deviations above which a residual has the weight of its size, not of its square (Huber).
_HUBER = 1.5


@dataclass(frozen=True)
class PosePrior:
    """Prior pose (4, 4) and its information (6, 6), the inverse covariance, about the map's axes."""

    map_T_camera: Array
    information: Array


@dataclass(frozen=True)
class PoseSolution:
    """Pose on which the matches agree.

    Attributes:
        map_T_camera: (4, 4) pose.
        information: (6, 6) inverse covariance about the map's axes, if the standard deviation of rays is `noise`.
        inliers: (M,) true for matches that agree.
        chi2: variance of the inliers' rays relative to that of `noise`; the information does not include it.
    """

    map_T_camera: Array
    information: Array
    inliers: npt.NDArray[np.bool_]
    chi2: float


def solve(
    points: Array,
    rays: Array,
    *,
    noise: float | Array,
    inlier: float,
    least: int,
    start: Array | None = None,
    prior: PosePrior | None = None,
) -> PoseSolution | None:
    """Solve for a robust pose, then by least squares over the inliers and a soft prior.

    Args:
        points: (M, 3) points in the map.
        rays: (M, 2) rays at depth one.
        noise: standard deviation of a ray, one for all or (M,) one for each.
        inlier: largest error of an inlier, in standard deviations.
        least: smallest number of inliers.
        start: (4, 4) pose near the solution, from which the width of the robust weights shrinks (graduated
            non-convexity, Yang 2020). Without it, or if less than half of the matches agree, poses of small samples are
            tried (MAGSAC, Barath 2020).
        prior: pose from the previous frame and the odometry, or None.

    Returns:
        The solution; None if too few matches agree.
    """
    if len(points) < least:
        return None
    limit = inlier * noise
    usual = float(np.median(limit))
    pose = None if start is None else from_start(points, rays, start, usual)
    if pose is None or within(points, rays, pose, limit).mean() < _TRUSTED:
        sampled = from_samples(points, rays, usual)
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
        own = np.broadcast_to(noise, len(points))[inliers]
        pose, information, chi2 = _least_squares(points[inliers], rays[inliers], pose, own, prior)
    return PoseSolution(pose, information, inliers, chi2)


def _least_squares(
    points: Array, rays: Array, pose: Array, noise: Array, prior: PosePrior | None
) -> tuple[Array, Array, float]:
    """Solve by Gauss-Newton with Huber's weights; return pose, information and `PoseSolution.chi2`."""
    for _ in range(5):
        errors, sight, local = ray_errors(points, rays, pose)
        scaled = errors / noise[:, None]
        weight = 1.0 / np.maximum(1.0, np.linalg.norm(scaled, axis=1) / _HUBER)
        jacobian = ray_jacobian(sight, local, pose[:3, :3]) / noise[:, None, None]
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
    """Return the variance of Huber's estimate from residuals (M, 2), relative to least squares with unit variance.

    It is E[psi^2] / E[psi']^2 (Huber 1981, 7.6), for M - 3 degrees of freedom of M.
    """
    size = np.linalg.norm(scaled, axis=1)
    squared = 0.5 * np.mean(np.minimum(size, _HUBER) ** 2)
    # Above _HUBER, psi has constant length: only its direction changes with the residual, which halves the derivative.
    slope = np.mean(np.where(size > _HUBER, 0.5 * _HUBER / np.maximum(size, _HUBER), 1.0))
    return float(squared / slope**2 * len(size) / (len(size) - 3.0))
