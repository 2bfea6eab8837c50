"""Batches of worlds: context views, trajectories of queries, and beliefs to start them with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from dmn_ros.network import egocentric
from dmn_ros.network.embedding import images_to_tensor
from dmn_ros.training.training_data import relight
from dmn_ros.training.training_particles import ParticleMixture
from dmn_ros.worlds.world_config import BeliefConfig, WorldTrainingConfig
from localization_common.datasets.world_difficulty import pick_views
from localization_common.datasets.worlds import WorldSet

Array = npt.NDArray[np.float64]

#: The environment, map units.
BOUNDS = (-1.0, -1.0, 1.0, 1.0)
#: Largest standard deviations of the softmax objective's particles around the truth.
_AROUND = (0.5, 0.5, 0.8)


class WorldBatch(NamedTuple):
    """A worlds, N views, Q trajectories a world of T images, K particles a trajectory; map units and radians."""

    view_images: Tensor  # (A, N, 3, H, W)
    view_poses: Tensor  # (A, N, 3)
    query_images: Tensor  # (A, Q, T, 3, H, W)
    query_poses: Tensor  # (A, Q, T, 3)
    particles: Tensor  # (A, Q, K, 3) at the first image
    log_density: Tensor  # (A, Q, K) of what they were drawn from; 0 where they stand for the belief themselves
    beliefs: Tensor  # (A, Q, 3) mean belief at the first image
    seed: int  # of what is drawn while the batch is worked on


class TrainingWorlds(IterableDataset[WorldBatch]):
    """Endless batches; step and seed decide each, so that a resumed training sees what it would have seen."""

    def __init__(
        self,
        worlds: WorldSet,
        training: WorldTrainingConfig,
        *,
        regression: bool = False,
        first: int = 0,
        rank: int = 0,
    ) -> None:
        """Batches from step `first` on; each of several devices has its own `rank`."""
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
        """Batch of a step.

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
        parts = [torch.stack(part) for part in zip(*drawn, strict=True)]
        truth = parts[3][:, :, 0].double().numpy()
        particles, beliefs = self._start(truth, random)
        log_density = torch.zeros(particles.shape[:-1])
        if training.objective == "softmax" and not self._regression:
            log_density = self._mixture.log_density(particles, parts[3][:, :, 0])
        return WorldBatch(*parts, particles, log_density, beliefs, int(random.integers(2**31)))

    def _augmented(
        self, views: Tensor, view_poses: Tensor, queries: Tensor, poses: Tensor, random: np.random.Generator
    ) -> tuple[Tensor, ...]:
        """Images as floats (N, 3, H, W), (Q, T, 3, H, W), a whole world mirrored, turned, recoloured, relit."""
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
            images = relight(images, random, recolour=recolour)
        elif recolour:
            images = images[:, torch.from_numpy(random.permutation(3))]
        return images[:count], view_poses, images[count:].unflatten(0, queries.shape[:2]), poses

    def _start(self, truth: Array, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Particles (A, Q, K, 3) and mean beliefs (A, Q, 3) for true poses (A, Q, 3)."""
        training = self._training
        if training.objective == "tracking":
            return local_beliefs(truth, training.particles, training.belief, random)
        if self._regression:  # as many beliefs about the whole environment as a filter has particles there
            particles, means = local_beliefs(truth, 1, training.belief, random)
            anywhere = torch.from_numpy(random.random(truth.shape[:2]) >= training.local_share)
            return particles, torch.where(anywhere.unsqueeze(-1), torch.zeros(()), means)
        particles = self._mixture.draw(truth, training.particles, random)
        return torch.from_numpy(particles).float(), torch.zeros(*truth.shape)


def local_beliefs(truth: Array, count: int, belief: BeliefConfig, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Particles (A, Q, K, 3) of Gaussian beliefs around the truth (A, Q, 3), and the means (A, Q, 3) of the beliefs.

    The truth is as likely under each belief as the belief says: it is off the mean. A belief with the truth in its
    middle would give the answer away, to a regression at once.
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
    """Views and trajectories of all worlds in turn, so many worlds at a time, images as floats; see `WorldBatch`."""
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
    """Views (N, H, W, 3) and poses (N, 3), queries (Q, T, H, W, 3) and poses (Q, T, 3), randomly ordered (C.1).

    The trajectories of one world share their images where it has too few for all of them to differ.
    """
    visits = worlds.visits[index]
    room = len(visits) // len(np.unique(visits)) - (contexts if len(np.unique(visits)) == 1 else 0)
    wanted = max(length, min(length * trajectories, room))
    views, queries = pick_views(visits, contexts, wanted, random)
    if wanted < length * trajectories:
        asked = np.stack([random.permutation(queries)[:length] for _ in range(trajectories)])
    else:
        asked = queries.reshape(trajectories, length)
    images, poses = worlds.images[index], worlds.poses[index]
    chosen = images[views], poses[views], images[asked], poses[asked]
    return tuple(torch.from_numpy(np.ascontiguousarray(part)) for part in chosen)  # type: ignore[return-value]
