"""Configuration of the particle filter."""

from __future__ import annotations

import math
from dataclasses import dataclass

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class FilterConfig:
    """Configuration of the particle filter at run time; names are those of amcl where the meaning is the same.

    Attributes:
        min_particles, max_particles: bounds on the number of particles.
        global_particles: number of particles of a belief over the whole map, until its first image is weighed; a few
            thousand particles leave gaps in a map of many rooms and all headings.
        update_min_d, update_min_a: motion after which an image is weighed, metres and radians.
        resample_interval: resample at most at every n-th weighed image.
        resample_threshold: resample when the effective sample size is below this share of the particles.
        recovery_alpha_slow, recovery_alpha_fast: decay of the slow and fast averages of the likelihood; 0 switches
            recovery off. Injection follows Thrun et al., Probabilistic Robotics, table 8.3.
        recovery_max: largest share of the particles that is drawn anew at one update.
        proposal_share: share of the particles that is drawn from another localizer's pose where there is one; weights
            keep the belief unbiased; 0 is off.
        proposal_trust: probability that the other localizer's pose is right; a cluster that it agrees with needs less
            weight for ``localized``. 0 ignores the agreement.
        alpha1, alpha2, alpha3, alpha4: odometry noise: rotation from rotation, rotation from translation, translation
            from translation, translation from rotation (variances per squared radian and metre, as in amcl's
            differential model).
        min_noise_d, min_noise_a: least motion noise per update, metres and radians; keeps copies of a particle apart.
        likelihood_exponent: power of each likelihood. Successive images are similar, and so are their errors; a power
            below 1 keeps the filter from counting the same evidence in full several times. The first image of a belief
            over the whole map has no predecessor and counts in full.
        reference_poses: number of poses all over the map that each image is also weighed at. Their mean likelihood is
            the unit in which recovery measures how well an image fits the belief, and recovery draws from them.
        max_evaluated_views: largest number of views that one image is compared with: the views that the particles
            read, and those of as many reference poses as fit into the number. An image is compared with all views if
            the robot may be anywhere, and if it does not fit the belief.
        cell_d, cell_a: size, metres and radians, of the cells by which KLD sampling (Fox 2003) counts the belief.
        pf_err, pf_z: largest Kullback-Leibler divergence of the particles from the belief over these cells, and the
            normal quantile of the confidence in it (2.326 is 99 %); they set the number of particles, within its
            bounds. The names are those of amcl.
        cluster_d, cluster_a: size of the cluster that `most_likely` is the pose of, metres and radians.
        localized_share: share of the weight that this cluster needs for ``localized``, without another localizer.
        localized_images: least number of weighed images for ``localized`` after a belief over the whole map, unless
            another localizer agrees; one image alone often fits several places.
        localized_fit: least logarithm of the likelihood of the last images against that of the whole map for
            ``localized``; the particles of a kidnapped robot stay together, but the images do not fit them.
        random_seed: seed; the same seed and frames give the same beliefs.
    """

    min_particles: int = 500
    max_particles: int = 2000
    global_particles: int = 8000
    update_min_d: float = 0.1
    update_min_a: float = 0.1
    resample_interval: int = 1
    resample_threshold: float = 0.5
    recovery_alpha_slow: float = 0.05
    recovery_alpha_fast: float = 0.5
    recovery_max: float = 0.25
    proposal_share: float = 0.2
    proposal_trust: float = 0.9
    alpha1: float = 0.1
    alpha2: float = 0.05
    alpha3: float = 0.05
    alpha4: float = 0.02
    min_noise_d: float = 0.03
    min_noise_a: float = 0.02
    likelihood_exponent: float = 0.5
    reference_poses: int = 256
    max_evaluated_views: int = 200
    cell_d: float = 0.5
    cell_a: float = 0.3
    pf_err: float = 0.05
    pf_z: float = 2.326
    cluster_d: float = 0.5
    cluster_a: float = 0.5
    localized_share: float = 0.7
    localized_images: int = 2
    localized_fit: float = -0.5
    random_seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.min_particles <= self.max_particles:
            raise ConfigError(f"min_particles {self.min_particles} must be 1..max_particles {self.max_particles}")
        if self.global_particles < self.min_particles:
            raise ConfigError(f"global_particles {self.global_particles} must be at least min_particles")
        if self.resample_interval < 1 or not 0.0 < self.resample_threshold <= 1.0:
            raise ConfigError("resample_interval must be at least 1 and resample_threshold in (0, 1]")
        if not 0.0 <= self.recovery_alpha_slow <= self.recovery_alpha_fast <= 1.0:
            raise ConfigError("recovery needs 0 <= recovery_alpha_slow <= recovery_alpha_fast <= 1")
        if self.localized_images < 1:
            raise ConfigError("localized_images must be at least 1")
        for name in (
            "update_min_d",
            "update_min_a",
            "alpha1",
            "alpha2",
            "alpha3",
            "alpha4",
            "min_noise_d",
            "min_noise_a",
        ):
            if not getattr(self, name) >= 0.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must not be negative")
        for name in (
            "likelihood_exponent",
            "cell_d",
            "cell_a",
            "pf_err",
            "pf_z",
            "cluster_d",
            "cluster_a",
            "localized_share",
        ):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be positive")
        if not math.isfinite(self.localized_fit):
            raise ConfigError(f"localized_fit is {self.localized_fit}; it must be finite")
        if self.max_evaluated_views < 4:
            raise ConfigError(f"max_evaluated_views is {self.max_evaluated_views}; it must be at least 4")
        if not 0.0 <= self.proposal_share < 1.0:
            raise ConfigError(f"proposal_share is {self.proposal_share}; it must be in 0..1, and less than 1")
        if not 0.0 <= self.proposal_trust <= 1.0:
            raise ConfigError(f"proposal_trust is {self.proposal_trust}; it must be in 0..1")
        if not 0.0 <= self.recovery_max <= 1.0 or self.reference_poses < 1:
            raise ConfigError("recovery_max must be in 0..1 and reference_poses positive")
