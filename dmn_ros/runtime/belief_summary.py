"""Summary of the particles: the pose that they agree on, and whether it may be published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.clusters import covariance_about, densest_cluster, mean_and_covariance
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localized_check import (
    confirmed_covariance,
    confirmed_share,
    confirms,
    proposal_agreement,
    rejection_reason,
)
from localization_common.geometry import planar

Array = npt.NDArray[np.float64]


class BeliefSummary:
    """Makes a `Belief` after each image, and remembers which other sources agreed with the last weighed one.

    Args:
        saved: pose of the robot before a restart, with which the belief began; None if it began otherwise.
    """

    def __init__(self, saved: PlanarGaussian | None = None) -> None:
        self._saved = saved
        self._agreed = self._as_saved = 0.0

    def weighed(self, stamp: int, particles: ParticleFilter, proposal: PlanarGaussian | None) -> Belief:
        """Return the belief after an image was weighed.

        Args:
            stamp: nanoseconds.
            particles: the particles.
            proposal: pose of another localizer for this image.
        """
        return self._belief(stamp, particles, None, proposal)

    def moved(self, stamp: int, particles: ParticleFilter, motion: Array) -> Belief:
        """Return the belief after the odometry moved the robot by ``motion`` (3,) since an image was weighed."""
        return self._belief(stamp, particles, motion, None)

    def _belief(
        self, stamp: int, particles: ParticleFilter, motion: Array | None, proposal: PlanarGaussian | None
    ) -> Belief:
        config = particles.config
        poses = particles.particles.cpu().numpy().astype(np.float64)
        weights = particles.log_weights.exp().cpu().numpy().astype(np.float64)
        weights /= weights.sum()
        if motion is not None:
            poses = planar.compose(poses, motion)
        mean, covariance = mean_and_covariance(poses, weights)
        cluster = densest_cluster(poses, weights, radius_d=config.cluster_d, radius_a=config.cluster_a)
        if motion is None:
            self._agreed = proposal_agreement(cluster, proposal, config)
            self._as_saved, self._saved = proposal_agreement(cluster, self._saved, config), None
        share = confirmed_share(cluster.share, self._agreed, config.proposal_trust)
        about = covariance_about(cluster.pose, poses, weights)
        unconfirmed = particles.of_few_images and not confirms(max(self._agreed, self._as_saved))
        reason = rejection_reason(share, particles.fit, config, unconfirmed=unconfirmed)
        return Belief(
            stamp=stamp,
            mean=mean,
            covariance=covariance,
            most_likely=cluster.pose,
            pose_covariance=confirmed_covariance(about, cluster, share),
            particles=poses,
            weights=weights,
            effective_sample_size=float(1.0 / np.square(weights).sum()),
            spread=float(np.sqrt(covariance[0, 0] + covariance[1, 1])),
            share=share,
            cluster_covariance=cluster.covariance,
            localized=not reason,
            reason=reason,
            observed=motion is None,
        )
