"""The particle filter at run time: moves, weighs, resamples, and recovers when its belief explains nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmn_ros import resampling
from dmn_ros.config import FilterConfig
from dmn_ros.motion_model import sample_motion

Bounds = tuple[float, float, float, float]

#: One image says at most this much, as a logarithm, for or against the belief as a whole.
_FIT_LIMIT = 4.0
#: Below this share recovery is noise of the averages, and not worth a resampling.
_LEAST_SHARE = 0.01


class ParticleFilter:
    """Particles (K, 3) as x, y (metres), yaw (radians), with normalised log weights (K,).

    `fit` says how well the last images fit the belief: the logarithm of their likelihood against that of the map at
    large, smoothed. It is about 0 for a belief that knows nothing, more for a right one and less for a wrong one.

    All randomness comes from one generator on the CPU: the same seed and calls give the same particles.
    """

    def __init__(self, config: FilterConfig, bounds: Bounds, device: torch.device | str = "cpu") -> None:
        self.config, self.bounds, self.device = config, bounds, torch.device(device)
        self._generator = torch.Generator()
        self.reset_uniform()

    def reset_uniform(self) -> None:
        """Belief over the whole map, all headings."""
        self._start(self.draw_uniform(self.config.global_particles))

    def reset_gaussian(self, mean: Tensor, covariance: Tensor) -> None:
        """Belief around a pose (3,) with a covariance (3, 3) of x, y, yaw."""
        values, vectors = torch.linalg.eigh(covariance.to("cpu", torch.float64))
        root = vectors * values.clamp_min(0.0).sqrt()
        noise = torch.randn(self.config.max_particles, 3, dtype=torch.float64, generator=self._generator)
        self._start((mean.to("cpu", torch.float64) + noise @ root.T).to(self.device, torch.float32))

    def seed(self, seed: int) -> None:
        """Restart the random numbers."""
        self._generator.manual_seed(seed)

    def _start(self, particles: Tensor) -> None:
        self.particles = particles
        self.log_weights = torch.full((len(particles),), -math.log(len(particles)), device=self.device)
        self.slow = self.fast = self.fit = 0.0
        self._weighed = 0

    def draw_uniform(self, count: int) -> Tensor:
        """Poses (count, 3) uniform over the map and all headings."""
        min_x, min_y, max_x, max_y = self.bounds
        low = torch.tensor([min_x, min_y, -math.pi])
        size = torch.tensor([max_x - min_x, max_y - min_y, 2.0 * math.pi])
        return (low + torch.rand(count, 3, generator=self._generator) * size).to(self.device)

    def move(self, previous_P_base: Tensor) -> None:
        """Move by odometry (3,), metres and radians in the previous base frame, with noise."""
        self.particles = sample_motion(self.particles, previous_P_base.to(self.device), self.config, self._generator)

    def weigh(self, log_likelihood: Tensor, log_reference: Tensor) -> None:
        """Bayes' rule in logarithms.

        Args:
            log_likelihood: (K,) of the particles, up to a constant.
            log_reference: (R,) of poses all over the map, with the same constant. A discriminative model knows
                likelihoods up to a factor per image only; against the mean over the map they can be compared between
                images, as the averages of recovery must be.
        """
        power = self.config.likelihood_exponent
        unit = (power * log_reference).logsumexp(0) - math.log(len(log_reference))
        joint = self.log_weights + power * log_likelihood - unit
        log_average = float(joint.logsumexp(0))
        average = math.exp(log_average)
        fit = min(_FIT_LIMIT, max(-_FIT_LIMIT, log_average))
        self.fit = 0.5 * (self.fit + fit) if self._weighed else fit
        self.slow += self.config.recovery_alpha_slow * (average - self.slow) if self._weighed else average
        self.fast += self.config.recovery_alpha_fast * (average - self.fast) if self._weighed else average
        self.log_weights = resampling.normalize(joint)
        self._weighed += 1

    @property
    def effective_sample_size(self) -> float:
        """1 / sum of squared weights."""
        return float(resampling.effective_sample_size(self.log_weights))

    def resample(self) -> bool:
        """Draw particles anew if few are effective, or if recovery wants some all over the map; says whether it did."""
        share = self._recovery_share()
        due = self._weighed % self.config.resample_interval == 0
        few = self.effective_sample_size < self.config.resample_threshold * len(self.particles)
        many = len(self.particles) > self.config.max_particles  # after the first image of a belief over the whole map
        if not many and (not due or not (few or share > 0.0)):
            return False
        count = self._wanted_count()
        injected = int(share * count)
        start = torch.rand((), generator=self._generator).to(self.device)
        chosen = resampling.systematic_indices(self.log_weights.exp(), count - injected, start)
        self.particles = torch.cat([self.particles[chosen], self.draw_uniform(injected)])
        self.log_weights = torch.full((count,), -math.log(count), device=self.device)
        return True

    def _recovery_share(self) -> float:
        if self.slow <= 0.0 or self.config.recovery_alpha_fast == 0.0:
            return 0.0
        share = min(self.config.recovery_max, 1.0 - self.fast / self.slow)
        return share if share > _LEAST_SHARE else 0.0

    def _wanted_count(self) -> int:
        """Particles in proportion to the cells that hold most of the weight: a belief in one place needs few."""
        config = self.config
        heavy = self.log_weights > self.log_weights.max() - 6.0
        scale = self.particles.new_tensor([1.0 / config.cell_d, 1.0 / config.cell_d, 1.0 / config.cell_a])
        cells = len(torch.unique((self.particles[heavy] * scale).floor(), dim=0))
        return min(config.max_particles, max(config.min_particles, cells * config.particles_per_cell))
