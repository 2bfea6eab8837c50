"""What to say about weighted particles: mean, covariance and the densest cluster (NumPy, no state)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar

Array = npt.NDArray[np.float64]

#: Cluster centres that are tried: enough that any cluster with a tenth of the weight is found nearly surely.
_CANDIDATES = 64


@dataclass(frozen=True)
class Cluster:
    """Pose (3,), share of the weight within reach of it, and its covariance (3, 3)."""

    pose: Array
    share: float
    covariance: Array


def mean_and_covariance(particles: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted mean (3,), with a circular mean for the yaw, and covariance (3, 3) of wrapped differences."""
    mean = np.array([*(weights @ particles[:, :2]), planar.circular_mean(particles[:, 2], weights)])
    difference = particles - mean
    difference[:, 2] = planar.wrap_angle(difference[:, 2])
    return mean, (difference * weights[:, None]).T @ difference


def densest_cluster(particles: Array, weights: Array, *, radius_d: float, radius_a: float) -> Cluster:
    """The place that holds the most weight within a radius (metres, radians), and the mean of the particles there.

    Args:
        particles: (K, 3). weights: (K,), sum 1.
    """
    # candidates by weight, evenly spread through it: a systematic draw with a fixed start, so nothing is random
    edges = np.minimum(np.cumsum(weights), 1.0)
    chosen = np.searchsorted(edges, (np.arange(_CANDIDATES) + 0.5) / _CANDIDATES).clip(max=len(weights) - 1)
    candidates = particles[np.append(np.unique(chosen), weights.argmax())]
    near = _near(candidates[:, None], particles[None], radius_d, radius_a)
    centre = candidates[int((near @ weights).argmax())]
    for _ in range(2):  # mean shift: a candidate at the rim of its cluster moves to the middle
        inside = _near(centre, particles, radius_d, radius_a)
        share = float(weights[inside].sum())
        centre, covariance = mean_and_covariance(particles[inside], weights[inside] / share)
    return Cluster(centre, share, covariance)


def _near(a: Array, b: Array, radius_d: float, radius_a: float) -> npt.NDArray[np.bool_]:
    distance = (a[..., 0] - b[..., 0]) ** 2 + (a[..., 1] - b[..., 1]) ** 2
    return np.asarray((distance <= radius_d**2) & (np.abs(planar.wrap_angle(a[..., 2] - b[..., 2])) <= radius_a))
