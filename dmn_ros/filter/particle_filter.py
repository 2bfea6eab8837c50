"""Particle filter at run time: motion, weights, resampling, and recovery when images do not fit the belief."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from dmn_ros.filter import global_search, resampling
from dmn_ros.filter.adaptive_size import kld_sample_size, occupied_bins
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.motion_model import sample_motion
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.filter.proposals import mix_in
from dmn_ros.network import egocentric
from localization_common.errors import EstimateError

Bounds = tuple[float, float, float, float]

#: Largest logarithm of an average that is raised to a power of e; damaged files give larger ones.
_LARGEST_LOG = 300.0
#: Largest change of the log-likelihood ratio of the belief as a whole by one image, in either direction.
_FIT_LIMIT = 4.0
#: Least logarithm of the likelihood of an image, averaged over a belief, against that of the map, with which the belief
#: is not in doubt. In the apartment and in larger maps, right beliefs had 2.5 and more, those of robots that had been
#: carried away up to 1.
_DOUBTFUL = 2.0
#: Share of the belief that is taken as uniform over the map, because particles do not cover all of it.
_FLOOR = 0.01
#: A smaller share for recovery is noise of the averages, and causes no resampling.
_LEAST_SHARE = 0.01


class ParticleFilter:
    """Particles (K, 3) as x, y (metres), yaw (radians), with normalised log weights (K,).

    `fit` measures how well the last images fit the belief: the smoothed logarithm of their likelihood against that of
    the whole map. It is about 0 for a uniform belief, higher for a right belief and lower for a wrong one.
    `elsewhere` is the probability with which the robot was anywhere in the map when the belief began. A belief around a
    pose gets the particles for it before the first image is weighed: from `cover_map`, or in a large map from `focus`.

    All random numbers come from one generator on the CPU: the same seed and calls give the same particles.
    """

    def __init__(self, config: FilterConfig, bounds: Bounds, device: torch.device | str = "cpu") -> None:
        self.config, self.bounds, self.device = config, bounds, torch.device(device)
        self._generator = torch.Generator()
        self.reset_uniform()

    def reset_uniform(self) -> None:
        """Set a belief over the whole map and all headings."""
        self._start(self.draw_uniform(self.config.global_particles), elsewhere=1.0)

    def reset_gaussian(self, belief: PlanarGaussian, elsewhere: float = 0.0) -> None:
        """Set a Gaussian belief around a pose; with the probability ``elsewhere`` the robot is anywhere in the map."""
        particles = belief.sample(self.config.max_particles, self._generator).to(self.device)
        self._start(particles, elsewhere=elsewhere, settled=self._narrow(belief))

    def seed(self, seed: int) -> None:
        """Restart the random numbers from this seed."""
        self._generator.manual_seed(seed)

    def _narrow(self, belief: PlanarGaussian) -> bool:
        """True if a belief is so narrow that an image fits it if it is right."""
        x, y, yaw = np.sqrt(np.diag(belief.covariance)).tolist()
        return max(x, y) <= self.config.cluster_d and yaw <= self.config.cluster_a

    def _start(self, particles: Tensor, elsewhere: float = 0.0, *, settled: bool = False) -> None:
        self.particles = particles
        self.log_weights = torch.full((len(particles),), -math.log(len(particles)), device=self.device)
        self.slow = self.fast = self.fit = 0.0
        self._weighed, self.elsewhere, self._settled = 0, elsewhere, settled
        self._log_reference = self.log_weights.new_zeros(0)

    def draw_uniform(self, count: int) -> Tensor:
        """Draw poses (count, 3) uniformly over the map and all headings."""
        min_x, min_y, max_x, max_y = self.bounds
        low = torch.tensor([min_x, min_y, -math.pi], dtype=torch.float32)
        size = torch.tensor([max_x - min_x, max_y - min_y, 2.0 * math.pi], dtype=torch.float32)
        return (low + torch.rand(count, 3, generator=self._generator) * size).to(self.device)

    @property
    def untested(self) -> bool:
        """True until the first image was weighed."""
        return self._weighed == 0

    def draw_around(self, views: Tensor) -> Tensor:
        """Draw poses (4 N, 3) around views (N, 3), see `global_search.poses_around`."""
        return global_search.poses_around(views.to(self.device), self._generator)

    def cover_map(self) -> None:
        """Draw particles all over the map, with the weight `elsewhere`."""
        if self.elsewhere < 1.0:  # a belief over the whole map has them
            far = self.draw_uniform(self.config.global_particles)
            self._add_elsewhere(far, torch.full((len(far),), -math.log(len(far)), device=self.device))

    def focus(self, coarse: Tensor, log_likelihood: Tensor) -> None:
        """Draw particles all over the map, most of them where the first image fits, with the weight `elsewhere`.

        Args:
            coarse: (C, 3) poses all over the map.
            log_likelihood: (C,) log-likelihoods of the image that is weighed next.
        """
        uniform = self.draw_uniform(self.config.global_particles)
        self._add_elsewhere(*global_search.focus(coarse, log_likelihood, uniform, self.bounds, self._generator))

    def _add_elsewhere(self, far: Tensor, log_weights: Tensor) -> None:
        """Add particles (F, 3) all over the map, with normalised log weights (F,); they replace a uniform belief."""
        if self.elsewhere == 1.0:
            self.particles, self.log_weights = far, log_weights
            return
        near = self.log_weights + math.log(1.0 - self.elsewhere)
        self.particles = torch.cat([self.particles, far])
        self.log_weights = torch.cat([near, log_weights + math.log(self.elsewhere)])

    def move(self, previous_P_base: Tensor) -> None:
        """Move by odometry (3,), metres and radians in the previous base frame, with noise."""
        self.particles = sample_motion(self.particles, previous_P_base.to(self.device), self.config, self._generator)

    def propose(self, proposal: PlanarGaussian) -> None:
        """Add particles at the pose of another localizer; the belief that all particles represent stays the same.

        Call it between `move` and `weigh`. Without these particles, a peak of the likelihood that is near no particle
        is missed.
        """
        config, share = self.config, self.config.proposal_share
        count = int(share * min(config.max_particles, len(self.particles) / (1.0 - share)))
        if count == 0:
            return
        proposal = proposal.widened(config.min_noise_d, config.min_noise_a)
        min_x, min_y, max_x, max_y = self.bounds
        self.particles, self.log_weights = mix_in(
            self.particles,
            self.log_weights,
            proposal.sample(count, self._generator).to(self.device),
            proposal,
            floor=_FLOOR / ((max_x - min_x) * (max_y - min_y) * 2.0 * math.pi),
            width_d=config.cell_d,
            width_a=config.cell_a,
        )

    def weigh(self, log_likelihood: Tensor, log_reference: Tensor) -> None:
        """Multiply the belief by the likelihood of an image: Bayes' rule, in logarithms.

        Args:
            log_likelihood: (K,) log-likelihoods of the particles, up to a constant.
            log_reference: (R,) log-likelihoods of poses all over the map, with the same constant. A discriminative
                model computes likelihoods up to an unknown factor per image. Divided by their mean over the map, they
                can be compared between images; the averages of recovery need this.

        Raises:
            EstimateError: a likelihood is NaN, or none is more than zero; the belief does not change.
        """
        joint, scaled = self._joint(log_likelihood, log_reference)
        log_average = float(joint.logsumexp(0))
        if not math.isfinite(log_average):
            raise EstimateError(
                "the likelihoods of the image hold NaN or infinity, and no belief is published: if this stays, the "
                "checkpoint or the map is damaged, or its numbers are too large for half precision"
            )
        self._log_reference = scaled
        average = math.exp(min(log_average, _LARGEST_LOG))
        fit = min(_FIT_LIMIT, max(-_FIT_LIMIT, log_average))
        self.fit = 0.5 * (self.fit + fit) if self._weighed else fit
        self._settled = self._settled or self.fit >= _DOUBTFUL
        self.slow += self.config.recovery_alpha_slow * (average - self.slow) if self._weighed else average
        self.fast += self.config.recovery_alpha_fast * (average - self.fast) if self._weighed else average
        self.log_weights = joint - log_average
        self._weighed += 1

    def doubtful(self, log_likelihood: Tensor, log_reference: Tensor) -> bool:
        """True if an image hardly fits a belief that had settled better than the map; see `weigh`.

        A belief that is still wide hardly fits either, even if it is right.
        """
        return self._settled and float(self._joint(log_likelihood, log_reference)[0].logsumexp(0)) < _DOUBTFUL

    def _joint(self, log_likelihood: Tensor, log_reference: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log weights (K,) of the particles with an image, against the map, and the references' part."""
        first = self._weighed == 0
        # The first image of a robot that may be anywhere repeats no earlier evidence, so that it counts in full.
        power = 1.0 if first and self.elsewhere > 0.0 else self.config.likelihood_exponent
        scaled = power * log_reference
        joint = self.log_weights + power * log_likelihood
        unit = scaled.logsumexp(0) - math.log(len(log_reference))
        if first and self.elsewhere == 1.0:  # then the particles cover the whole map, too
            share = len(joint) / (len(joint) + len(log_reference))
            unit = torch.logaddexp(joint.logsumexp(0) + math.log(share), unit + math.log(1.0 - share))
        return joint - unit, scaled

    @property
    def of_few_images(self) -> bool:
        """True if the robot could be anywhere until one of the last images (`FilterConfig.localized_images`)."""
        return self.elsewhere > 0.0 and self._weighed < self.config.localized_images

    @property
    def effective_sample_size(self) -> float:
        """Effective number of particles: 1 / sum of squared weights."""
        return float(resampling.effective_sample_size(self.log_weights))

    def resample(self, reference: Tensor | None = None) -> bool:
        """Draw particles anew if few are effective, or if recovery needs some elsewhere; return True if it did.

        Args:
            reference: (R, 3) poses that were last weighed with the particles. Recovery draws from them by likelihood;
                without them it draws uniformly, which takes many images in a map of many rooms.
        """
        share = self._recovery_share()
        due = self._weighed % self.config.resample_interval == 0
        few = self.effective_sample_size < self.config.resample_threshold * len(self.particles)
        many = len(self.particles) > self.config.max_particles  # after the first image of a belief over the whole map
        if not many and (not due or not (few or share > 0.0)):
            return False
        start = torch.rand(2, generator=self._generator)
        weights, most = self.log_weights.exp(), self.config.max_particles
        chosen = resampling.systematic_indices(weights, most, start[0].to(self.device))
        drawn = self.particles.T.index_select(1, chosen)
        count = self._wanted_count(drawn.T)
        injected = int(share * count)
        kept = count - injected
        if kept < most:
            # an evenly spaced part of a systematic draw, with a random start, is a systematic draw, too
            places = (torch.arange(kept, device=self.device) + start[1].to(self.device)) * (most / max(1, kept))
            drawn = drawn.index_select(1, places.long().clamp_max_(most - 1))
        if injected:
            fresh = self.draw_uniform(injected) if reference is None else self._draw_likely(injected, reference)
            drawn = torch.cat([drawn, fresh.T], dim=1)
        self.particles = drawn.T
        self.log_weights = torch.full((count,), -math.log(count), device=self.device)
        return True

    def _draw_likely(self, count: int, reference: Tensor) -> Tensor:
        """Draw poses (count, 3) by likelihood (sensor resetting: Lenser, Veloso 2000) from poses all over the map.

        They get half a cell of noise, since no reference pose is exactly that of the robot.
        """
        start = torch.rand(1, generator=self._generator)[0].to(self.device)
        chosen = resampling.systematic_indices(self._log_reference.softmax(0), count, start)
        noise = torch.randn(count, 3, generator=self._generator).to(self.device)
        unit = noise.new_tensor([self.config.cell_d, self.config.cell_d, self.config.cell_a])
        poses = torch.addcmul(reference[chosen], noise, 0.5 * unit)
        poses[:, 2] = egocentric.wrap_angle(poses[:, 2])
        return poses

    def _recovery_share(self) -> float:
        if self.slow <= 0.0 or self.config.recovery_alpha_fast == 0.0:
            return 0.0
        share = min(self.config.recovery_max, 1.0 - self.fast / self.slow)
        return share if share > _LEAST_SHARE else 0.0

    def _wanted_count(self, drawn: Tensor) -> int:
        """Number of particles for the cells that the largest draw covers: a belief in one place needs few."""
        config = self.config
        cells = occupied_bins(drawn, config.cell_d, config.cell_a)
        return min(config.max_particles, max(config.min_particles, kld_sample_size(cells, config.pf_err, config.pf_z)))
