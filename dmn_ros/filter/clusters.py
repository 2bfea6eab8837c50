"""Summary of weighted particles: mean, covariance and the densest cluster (no state)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from localization_common.geometry import planar

Array = npt.NDArray[np.float64]

#: Number of particles, evenly spread over the weight, that represent all while cluster centres are tried, and number of
#: centres that are tried: any cluster with a thirtieth of the weight contains one.
_DRAWS, _CANDIDATES = 256, 32


@dataclass(frozen=True)
class Cluster:
    """Pose (3,), share of the weight within reach of it, and its covariance (3, 3)."""

    pose: Array
    share: float
    covariance: Array


def mean_and_covariance(particles: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted mean (3,), with a circular mean for the yaw, and covariance (3, 3) of wrapped differences.

    Args:
        particles: (K, 3). weights: (K,), sum 1.
    """
    rows = _rows(particles)
    yaw = torch.from_numpy(rows[2])  # NumPy's sine of float64 takes five times as long
    heading = np.arctan2(weights @ yaw.sin().numpy(), weights @ yaw.cos().numpy())
    mean = np.append(rows[:2] @ weights, heading)
    return mean, _covariance_about(mean, rows, weights)


def covariance_about(pose: Array, particles: Array, weights: Array) -> Array:
    """Covariance (3, 3) of wrapped differences from a pose (3,), which need not be the mean.

    Args:
        particles: (K, 3). weights: (K,), sum 1.
    """
    return _covariance_about(pose, _rows(particles), weights)


def near(pose: Array, poses: Array, *, radius_d: float, radius_a: float) -> npt.NDArray[np.bool_]:
    """Return flags (K,): True for the poses (K, 3) within a radius, metres and radians, of a pose (3,)."""
    return _near(pose[:, None], poses.T, radius_d, radius_a)


def densest_cluster(particles: Array, weights: Array, *, radius_d: float, radius_a: float) -> Cluster:
    """Find the cluster with the most weight within a radius (metres, radians), and the mean of its particles.

    Args:
        particles: (K, 3). weights: (K,), sum 1.
    """
    rows = _rows(particles)
    # evenly spread over the weight: a systematic draw with a fixed start, without random numbers
    edges = np.cumsum(weights)
    draws = np.searchsorted(edges, (np.arange(_DRAWS) + 0.5) * (edges[-1] / _DRAWS)).clip(max=len(weights) - 1)
    candidates = rows[:, np.append(draws[:: _DRAWS // _CANDIDATES], weights.argmax())]
    reached = _near(candidates[:, :, None], rows[:, None, draws], radius_d, radius_a)
    centre = candidates[:, int(reached.sum(axis=1).argmax())]
    for _ in range(2):  # mean shift: a candidate at the rim of its cluster moves to the middle
        inside = _near(centre[:, None], rows, radius_d, radius_a)
        kept, difference = weights[inside], _differences(rows[:, inside], centre)
        share = float(kept.sum())
        kept /= share
        offset = difference @ kept
        centre = centre + offset
    centre[2] = planar.wrap_angle(centre[2])
    return Cluster(centre, share, (difference * kept) @ difference.T - np.outer(offset, offset))


def _covariance_about(pose: Array, rows: Array, weights: Array) -> Array:
    difference = _differences(rows, pose)
    return np.asarray((difference * weights) @ difference.T)


def _differences(rows: Array, pose: Array) -> Array:
    difference = rows - pose[:, None]
    _turn_back(difference[2])
    return difference


def _rows(particles: Array) -> Array:
    """Transpose to contiguous rows (3, K): operations on whole rows are several times as fast as on columns."""
    return np.ascontiguousarray(particles.T)


def _near(a: Array, b: Array, radius_d: float, radius_a: float) -> npt.NDArray[np.bool_]:
    x, y, turn = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return np.asarray((x * x + y * y <= radius_d**2) & (np.abs(_turn_back(turn)) <= radius_a))


def _turn_back(angle: Array) -> Array:
    """Wrap angles in place to half a turn (faster than a remainder)."""
    angle -= np.rint(angle * (0.5 / np.pi)) * (2.0 * np.pi)
    return angle
