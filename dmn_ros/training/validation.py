"""Validation examples: single images of held-out drives, with maps of other drives through their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from dmn_ros.config import NetworkConfig
from dmn_ros.map.context_map import Bounds
from dmn_ros.map.drive_frames import DriveFrames
from dmn_ros.map.map_building import MapOptions
from dmn_ros.map.view_coverage import cover
from dmn_ros.network.embedding import images_to_tensor
from dmn_ros.training.training_data import DriveBatch, TrainingPlace
from dmn_ros.training.training_particles import uniform_poses
from localization_common.errors import ConfigError

Array = npt.NDArray[np.float64]

#: Number of particles, as in the paper's tests; of queries that share an embedding of the map; of batches.
_PARTICLES, _QUERIES, _BATCHES = 2048, 8, 10


class ValidationBatches(IterableDataset[DriveBatch]):
    """Batches of a validation, the same every time: for each place, a drive and a map of the place's drives."""

    def __init__(
        self, drives: list[tuple[TrainingPlace, DriveFrames]], network: NetworkConfig, options: MapOptions
    ) -> None:
        self._drives = [(_Map.of(place, options), drive) for place, drive in drives]
        self._unit = [network.metres_per_unit, network.metres_per_unit, 1.0]

    def __iter__(self) -> Iterator[DriveBatch]:
        random = np.random.default_rng(0)
        for mapped, drive in self._drives:
            frames = np.linspace(0, len(drive.poses) - 1, _BATCHES * _QUERIES).astype(np.int64)
            for queries in frames.reshape(_QUERIES, _BATCHES).T:
                particles = uniform_poses(mapped.bounds, (_QUERIES, _PARTICLES), random)
                poses = [
                    torch.from_numpy(p / self._unit).float()[None]
                    for p in (mapped.poses, drive.poses[queries], particles)
                ]
                images = images_to_tensor(drive.images[torch.from_numpy(queries)])
                none = torch.zeros(poses[2].shape[:-1])
                yield DriveBatch(mapped.views[None], poses[0], images[None], poses[1], poses[2], none)


class _Map(NamedTuple):
    """Views (N, 3, H, W) of a map, their poses (N, 3) in metres, and the bounds of the place."""

    views: Tensor
    poses: Array
    bounds: Bounds

    @classmethod
    def of(cls, place: TrainingPlace, options: MapOptions) -> _Map:
        """Choose the views from a place's drives."""
        poses = np.concatenate([d.poses for d in place.drives])
        chosen = cover(poses, spacing_d=options.spacing_d, spacing_a=options.spacing_a, max_views=options.max_views)
        images = torch.cat([d.images for d in place.drives])[torch.from_numpy(chosen)]
        return cls(images_to_tensor(images), poses[chosen], place.bounds)


def held_out_drive(place: TrainingPlace) -> tuple[TrainingPlace, DriveFrames]:
    """Split a place that is not trained on: its last drive is localised in a map of the others.

    Raises:
        ConfigError: the place has one drive only.
    """
    if len(place.drives) < 2:
        raise ConfigError(
            f"{place.name}: a place of its own needs two drives to validate: one for the map, one to find"
        )
    return replace(place, drives=place.drives[:-1]), place.drives[-1]
