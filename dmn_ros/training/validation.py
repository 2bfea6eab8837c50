"""Validation examples: single images of a held-out drive, with a map of the training drives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import IterableDataset

from dmn_ros.config import NetworkConfig
from dmn_ros.map.drive_frames import DriveFrames
from dmn_ros.map.map_building import MapOptions
from dmn_ros.map.view_coverage import cover
from dmn_ros.network.embedding import images_to_tensor
from dmn_ros.training.training_data import DriveBatch, TrainingPlace
from dmn_ros.training.training_particles import uniform_poses

#: Number of particles, as in the paper's tests; of queries that share an embedding of the map; of batches.
_PARTICLES, _QUERIES, _BATCHES = 2048, 8, 10


class ValidationBatches(IterableDataset[DriveBatch]):
    """Batches of a validation, the same every time."""

    def __init__(self, place: TrainingPlace, drive: DriveFrames, network: NetworkConfig, options: MapOptions) -> None:
        poses = np.concatenate([d.poses for d in place.drives])
        chosen = cover(poses, spacing_d=options.spacing_d, spacing_a=options.spacing_a, max_views=options.max_views)
        images = torch.cat([d.images for d in place.drives])[torch.from_numpy(chosen)]
        self._views, self._view_poses = images_to_tensor(images), poses[chosen]
        self._place, self._drive = place, drive
        self._unit = [network.metres_per_unit, network.metres_per_unit, 1.0]

    def __iter__(self) -> Iterator[DriveBatch]:
        random = np.random.default_rng(0)
        frames = np.linspace(0, len(self._drive.poses) - 1, _BATCHES * _QUERIES).astype(np.int64)
        for queries in frames.reshape(_QUERIES, _BATCHES).T:
            particles = uniform_poses(self._place.bounds, (_QUERIES, _PARTICLES), random)
            poses = [
                torch.from_numpy(p / self._unit).float()[None]
                for p in (self._view_poses, self._drive.poses[queries], particles)
            ]
            images = images_to_tensor(self._drive.images[torch.from_numpy(queries)])
            none = torch.zeros(poses[2].shape[:-1])
            yield DriveBatch(self._views[None], poses[0], images[None], poses[1], poses[2], none)
