"""What the particle filter believes after one frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Belief:
    """Result of `Localizer.step` for one frame. Poses are planar (x, y, yaw) of the base in the map: metres, radians.

    Attributes:
        stamp: of the image, nanoseconds.
        mean: (3,) weighted mean; the yaw is a circular mean.
        covariance: (3, 3) of x, y, yaw.
        most_likely: (3,) pose of the densest cluster; unlike the mean it is never between two clusters.
        pose_covariance: (3, 3) about `most_likely`: of all particles, those elsewhere weighing less where another
            localizer confirms the cluster.
        particles: (K, 3).
        weights: (K,), sum 1.
        effective_sample_size: 1 / sum of squared weights.
        spread: standard deviation of the position, metres.
        localized: whether one cluster holds nearly all of the weight; `reason` says why not.
        observed: whether the image was used; a robot that stands still does not weigh its particles again and again.
        timings: milliseconds of each stage.
    """

    stamp: int
    mean: Array
    covariance: Array
    most_likely: Array
    pose_covariance: Array
    particles: Array
    weights: Array
    effective_sample_size: float
    spread: float
    localized: bool
    reason: str = ""
    observed: bool = True
    timings: dict[str, float] = field(default_factory=dict)
