"""Belief of the particle filter after one frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.geometry.pose_probability import probability_near

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Belief:
    """Result of `Localizer.step` for one frame. Poses are planar (x, y, yaw) of the base in the map: metres, radians.

    Attributes:
        stamp: stamp of the image, nanoseconds.
        mean: (3,) weighted mean; the yaw is a circular mean.
        covariance: (3, 3) of x, y, yaw.
        most_likely: (3,) pose of the densest cluster; it is never between two clusters, as the mean may be.
        pose_covariance: (3, 3) covariance of all particles about `most_likely`; particles elsewhere weigh less if
            another localizer confirms the cluster.
        particles: (K, 3).
        weights: (K,), sum 1.
        effective_sample_size: 1 / sum of squared weights.
        spread: standard deviation of the position, metres.
        share: probability that the robot is in the densest cluster.
        cluster_covariance: (3, 3) covariance within it.
        localized: True if the pose may be published, see `dmn_ros.runtime.localized_check`.
        reason: reason why it may not be published; empty if it may.
        observed: True if the image was weighed; the images of a robot that stands still are not.
        timings: duration of each stage, milliseconds.
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
    share: float
    cluster_covariance: Array
    localized: bool
    reason: str = ""
    observed: bool = True
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def quality(self) -> float:
        """Probability that the most likely pose is near the true one (`pose_probability`); 0 if not localized."""
        return self.share * probability_near(self.cluster_covariance) if self.localized else 0.0
