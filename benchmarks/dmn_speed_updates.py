"""Updates of a belief that `dmn_speed` measures, with and without the network, on random weights and features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dmn_ros.config import NetworkConfig
from dmn_ros.filter.clusters import densest_cluster, mean_and_covariance
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.network.dmn import DMN
from dmn_ros.network.observation import AttentionObservation

PARTICLES, VIEWS, MANY_VIEWS = 2048, 4, 64
#: Number of views of the shipped map of the apartment.
SHIPPED_VIEWS = 80


@dataclass(frozen=True)
class DmnSpeedConfig:
    """Measure the speed of the DMN's belief update and of its particle filter.

    Attributes:
        device: cpu or cuda; the filter without the network is measured on it, too.
        seconds: time for the rounds.
        threads: CPU threads; 0: one for each core.
        seed: seed of weights, features and particles.
        quick: a tenth of the rounds: under five minutes on two cores.
        json: file for the numbers.
        memory_of: for internal use: only print the extra megabytes of this evaluation.
    """

    device: str = "cpu"
    seconds: float = 300.0
    threads: int = 0
    seed: int = 0
    quick: bool = False
    json: Path | None = None
    memory_of: str = ""


class BeliefUpdate:
    """Network, map, image and particles, which are evaluated in several ways."""

    def __init__(
        self, config: DmnSpeedConfig, *, particles: int = PARTICLES, views: int = VIEWS, shipped: bool = False
    ) -> None:
        torch.manual_seed(config.seed)
        network_config = NetworkConfig.light() if shipped else NetworkConfig.paper()
        self.network = DMN(network_config).eval().to(config.device)
        shape = (network_config.feature_channels, *network_config.grid)
        self._device = config.device
        self._views, self._query = self._place(torch.randn(1, views, *shape)), self._place(torch.randn(1, 1, *shape))
        poses = torch.rand(views + particles, 3) * 2.0 - 1.0
        self._poses, self._particles = self._place(poses[None, :views]), self._place(poses[None, None, views:])
        self._prepared = self.network.prepare_map(self._views, self._poses)

    def _place(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device)

    def direct(self) -> Tensor:
        """Evaluate in the direct form of the paper: a convolution for each particle and view."""
        assert isinstance(self.network.observation, AttentionObservation)
        return self.network.observation.direct(self._views, self._poses, self._query, self._particles)

    def factorised(self) -> Tensor:
        """Evaluate in the form of the localizer: first the image with the map, once, then the particles."""
        query = self.network.prepare_query(self._prepared, self._query)
        return self.network.log_likelihood(self._prepared, query, self._particles)

    def half(self) -> Tensor:
        """Evaluate `factorised` under autocast, as with parameter `half`."""
        with torch.autocast(self._device, dtype=torch.bfloat16):
            return self.factorised()


def filter_update(config: DmnSpeedConfig, count: int) -> Callable[[], object]:
    """Make a function of one update without a network: motion, weights, resampling, and the estimates of a belief."""
    filter_config = FilterConfig(
        min_particles=count, max_particles=count, global_particles=count, resample_threshold=1.0
    )
    particle_filter = ParticleFilter(filter_config, (-5.0, -4.0, 5.0, 4.0), config.device)
    log_likelihood, reference = torch.randn(count).to(config.device), torch.randn(256).to(config.device)
    motion = torch.tensor([0.1, 0.01, 0.05])

    def update() -> object:
        particle_filter.move(motion)
        particle_filter.weigh(log_likelihood, reference)
        assert particle_filter.resample()
        particles = particle_filter.particles.cpu().numpy().astype(np.float64)
        weights = particle_filter.log_weights.exp().cpu().numpy().astype(np.float64)
        weights /= weights.sum()
        radii = {"radius_d": filter_config.cluster_d, "radius_a": filter_config.cluster_a}
        return mean_and_covariance(particles, weights), densest_cluster(particles, weights, **radii)

    return update
