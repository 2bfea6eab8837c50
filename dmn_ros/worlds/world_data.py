"""Batches of worlds: context views, trajectories of queries, and initial beliefs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from dmn_ros.network import egocentric
from dmn_ros.network.embedding import images_to_tensor
from dmn_ros.training.training_data import vary_light
from dmn_ros.training.training_particles import ParticleMixture
from dmn_ros.worlds.world_config import BeliefConfig, WorldTrainingConfig
from localization_common.datasets.world_difficulty import pick_views
from localization_common.datasets.worlds import WorldSet

Array = npt.NDArray[np.float64]

#: Bounds of the environment, map units.
BOUNDS = (-1.0, -1.0, 1.0, 1.0)
#: Largest standard deviations of the particles around the truth (``softmax``), map units and radians.
_AROUND = (0.5, 0.5, 0.8)


class WorldBatch(NamedTuple):
    """Batch of A worlds, N views, Q trajectories a world of T images, K particles a trajectory; map units, radians."""

    view_images: Tensor  # (A, N, 3, H, W)
    view_poses: Tensor  # (A, N, 3)
    query_images: Tensor  # (A, Q, T, 3, H, W)
    query_poses: Tensor  # (A, Q, T, 3)
    particles: Tensor  # (A, Q, K, 3) at the first image
    log_density: Tensor  # (A, Q, K) that they were drawn from; 0 if they represent the belief with equal weights
    beliefs: Tensor  # (A, Q, 3) mean belief at the first image
    seed: int  # seed of the random numbers while the batch is used


class TrainingWorlds(IterableDataset[WorldBatch]):
    """Endless batches; step and seed determine each, so that a resumed training gets the same batches."""

    def __init__(
        self,
        worlds: WorldSet,
        training: WorldTrainingConfig,
        *,
        regression: bool = False,
        first: int = 0,
        rank: int = 0,
    ) -> None:
        """Start with the batch of step `first`; each of several devices has its own `rank`."""
        self._worlds, self._training, self._regression = worlds, training, regression
        self._first, self._rank = first, rank
        self._mixture = ParticleMixture(BOUNDS, training.local_share, _AROUND)

    def __iter__(self) -> Iterator[WorldBatch]:
        worker = get_worker_info()
        offset, stride = (0, 1) if worker is None else (worker.id, worker.num_workers)
        step = self._first + offset
        while True:
            yield self.draw(step)
            step += stride

    def draw(self, step: int) -> WorldBatch:
        """Draw the batch of a step.

        Raises:
            DatasetError: worlds have too few views.
        """
        training = self._training
        random = np.random.default_rng((training.seed, self._rank, step))
        chosen = random.choice(len(self._worlds), training.worlds, replace=len(self._worlds) < training.worlds)
        drawn = [
            self._augmented(
                *_draw_world(self._worlds, i, training.contexts, training.trajectories, training.length, random), random
            )
            for i in chosen
        ]
        views, view_poses, queries, poses = (torch.stack(part) for part in zip(*drawn, strict=True))
        truth = poses[:, :, 0]
        particles, beliefs = self._start(truth.double().numpy(), random)
        log_density = torch.zeros(particles.shape[:-1])
        if training.objective == "softmax" and not self._regression:
            log_density = self._mixture.log_density(particles, truth)
        seed = int(random.integers(2**31))
        return WorldBatch(views, view_poses, queries, poses, particles, log_density, beliefs, seed)

    def _augmented(
        self, views: Tensor, view_poses: Tensor, queries: Tensor, poses: Tensor, random: np.random.Generator
    ) -> tuple[Tensor, ...]:
        """Convert images to floats (N, 3, H, W), (Q, T, 3, H, W); mirror, turn, recolour and relight the world."""
        training, count = self._training, len(views)
        images = images_to_tensor(torch.cat([views, queries.flatten(0, 1)]))
        if random.random() < training.mirror:
            images, sign = images.flip(-1), torch.tensor([1.0, -1.0, -1.0])
            view_poses, poses = view_poses * sign, poses * sign
        if training.quarter_turns:
            turn = torch.tensor([0.0, 0.0, math.pi / 2 * random.integers(4)])
            view_poses, poses = egocentric.compose(turn, view_poses), egocentric.compose(turn, poses)
        recolour = random.random() < training.recolour
        if training.relight:
            images = vary_light(images, random, recolour=recolour)
        elif recolour:
            images = images[:, torch.from_numpy(random.permutation(3))]
        return images[:count], view_poses, torch.unflatten(images[count:], 0, queries.shape[:2]), poses

    def _start(self, truth: Array, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Draw particles (A, Q, K, 3) and mean beliefs (A, Q, 3) for true poses (A, Q, 3)."""
        training = self._training
        if training.objective == "tracking":
            return local_beliefs(truth, training.particles, training.belief, random)
        if self._regression:  # the share of beliefs over the whole environment is that of a filter's particles
            particles, means = local_beliefs(truth, 1, training.belief, random)
            anywhere = torch.from_numpy(random.random(truth.shape[:2]) >= training.local_share)
            return particles, torch.where(anywhere.unsqueeze(-1), torch.zeros(()), means)
        drawn = self._mixture.draw(truth, training.particles, random)
        return torch.from_numpy(drawn).float(), torch.zeros(*truth.shape)


def local_beliefs(truth: Array, count: int, belief: BeliefConfig, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw particles (A, Q, K, 3) of Gaussian beliefs around the truth (A, Q, 3), and the beliefs' means (A, Q, 3).

    The mean of a belief is drawn around the truth with the deviations of the belief. A belief centred at the truth
    would contain the answer, and a regression would learn to return the mean.
    """
    spread = np.array([belief.tracking_d, belief.tracking_d, belief.tracking_a])
    means = truth + random.normal(size=truth.shape) * spread
    particles = means[:, :, None] + random.normal(size=(*truth.shape[:2], count, 3)) * spread
    particles[..., 2] = np.mod(particles[..., 2] + math.pi, 2.0 * math.pi) - math.pi
    means[..., 2] = np.mod(means[..., 2] + math.pi, 2.0 * math.pi) - math.pi
    return torch.from_numpy(particles).float(), torch.from_numpy(means).float()


def fixed_trials(
    worlds: WorldSet, contexts: int, trajectories: int, length: int, random: np.random.Generator, batch: int = 8
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Draw views and trajectories of all worlds, some worlds at a time, images as floats; see `WorldBatch`."""
    for first in range(0, len(worlds), batch):
        drawn = [
            _draw_world(worlds, i, contexts, trajectories, length, random)
            for i in range(first, min(first + batch, len(worlds)))
        ]
        views, view_poses, queries, poses = (torch.stack(part) for part in zip(*drawn, strict=True))
        yield images_to_tensor(views), view_poses, images_to_tensor(queries), poses


def _draw_world(
    worlds: WorldSet, index: int, contexts: int, trajectories: int, length: int, random: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw views (N, H, W, 3), poses (N, 3), queries (Q, T, H, W, 3) and poses (Q, T, 3) in random order (C.1).

    The trajectories of one world share images if the world has too few for all of them.
    """
    visits = worlds.visits[index]
    room = len(visits) // len(np.unique(visits)) - (contexts if len(np.unique(visits)) == 1 else 0)
    wanted = max(length, min(length * trajectories, room))
    views, queries = pick_views(visits, contexts, wanted, random)
    if wanted < length * trajectories:
        ordered = np.stack([random.permutation(queries)[:length] for _ in range(trajectories)])
    else:
        ordered = queries.reshape(trajectories, length)
    images, poses = worlds.images[index], worlds.poses[index]
    return _tensor(images[views]), _tensor(poses[views]), _tensor(images[ordered]), _tensor(poses[ordered])


def _tensor(values: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
