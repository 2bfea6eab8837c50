"""Training examples from drives: maps of random views, queries of other frames, and particles."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from dmn_ros.config import NetworkConfig
from dmn_ros.map.drive_frames import DriveFrames, bounds_of, read_frames
from dmn_ros.map.view_coverage import cover
from dmn_ros.network.embedding import images_to_tensor
from dmn_ros.training.partial_views import fill, narrow
from dmn_ros.training.training_config import TrainingConfig
from dmn_ros.training.training_particles import ParticleMixture
from localization_common.camera import Camera
from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.photometry.relighting import relight
from localization_common.recording_check.warnings import announce_checked

Array = npt.NDArray[np.float64]

#: Number of random frames from which views are chosen: enough for variety, few enough for a choice in a millisecond.
_CANDIDATES = 300
#: Largest standard deviations of the softmax objective's particles around the truth, metres and radians.
_AROUND = (1.2, 1.2, 0.8)


@dataclass(frozen=True)
class TrainingPlace:
    """Drives through one place, with poses of the cameras in one map frame, and its bounds (metres)."""

    name: str
    drives: tuple[DriveFrames, ...]
    bounds: tuple[float, float, float, float]


class DriveBatch(NamedTuple):
    """Batch of A maps with N views, Q queries a map and K particles a query; poses in map units."""

    view_images: Tensor  # (A, N, 3, H, W)
    view_poses: Tensor  # (A, N, 3)
    query_images: Tensor  # (A, Q, 3, H, W)
    query_poses: Tensor  # (A, Q, 3)
    particles: Tensor  # (A, Q, K, 3)
    log_density: Tensor  # (A, Q, K) that they were drawn from; 0 if they represent the belief with equal weights


def read_place(
    path: Path,
    camera: Camera,
    pattern: str = "train*",
    margin: float = 0.5,
    recording: RecordingOptions | None = None,
    partial_views: bool = False,
) -> TrainingPlace:
    """Read a sequence, or a directory whose entries of this pattern are drives through one place.

    Raises:
        DatasetError: the path is no recording, or a drive has no poses.
    """
    inner = sorted(path.glob(pattern)) if path.is_dir() else []
    return read_drives(path.name, inner or [path], camera, recording, margin, partial_views)


def read_drives(
    name: str,
    paths: Collection[Path],
    camera: Camera,
    recording: RecordingOptions | None = None,
    margin: float = 0.5,
    partial_views: bool = False,
) -> TrainingPlace:
    """Read drives through one place, at least one; with `partial_views` also of a narrow or tilted camera.

    Raises:
        DatasetError: a path is no recording, or a drive has no poses.
    """
    opened = (announce_checked(open_sequence(path, recording)) for path in paths)
    drives = tuple(read_frames(s.with_poses(), camera, partial_views=partial_views).of_camera() for s in opened)
    return TrainingPlace(name, drives, bounds_of(np.concatenate([d.poses for d in drives]), margin))


class TrainingBatches(IterableDataset[DriveBatch]):
    """Endless random batches, determined by the seed."""

    def __init__(self, places: list[TrainingPlace], network: NetworkConfig, training: TrainingConfig) -> None:
        self._places, self._network, self._training = places, network, training
        others = max(1, len(places) - 1)
        share = training.favour if len(places) > 1 else 1.0
        self._odds = np.array([share] + [(1.0 - share) / others] * (len(places) - 1))

    def __iter__(self) -> Iterator[DriveBatch]:
        random = np.random.default_rng(self._training.seed)
        while True:
            yield self.draw(random)

    def draw(self, random: np.random.Generator) -> DriveBatch:
        """Draw a batch."""
        training = self._training
        views = int(random.integers(training.contexts[0], training.contexts[1] + 1))
        chosen = random.choice(len(self._places), training.worlds, p=self._odds)
        worlds = [self._world(self._places[i], views, random) for i in chosen]
        return DriveBatch(*(torch.stack(parts) for parts in zip(*worlds, strict=True)))

    def _world(self, place: TrainingPlace, views: int, random: np.random.Generator) -> tuple[Tensor, ...]:
        training, config = self._training, self._network
        maps, held_out = _split(place, random)
        chosen = _choose_views(maps.poses, views, random)
        queries = random.integers(0, len(held_out.poses), training.queries)
        view_poses, query_poses = maps.poses[chosen], held_out.poses[queries]
        particles, log_density = self._particles(place, query_poses, random)
        parts = ((maps, torch.from_numpy(chosen)), (held_out, torch.from_numpy(queries)))
        images = images_to_tensor(torch.cat([frames.images[rows] for frames, rows in parts]))
        seen = torch.cat([frames.seen[rows] for frames, rows in parts])
        if random.random() < training.mirror:
            images, seen = images.flip(-1), seen.flip(-1)
            view_poses, query_poses, particles = (p * [1.0, -1.0, -1.0] for p in (view_poses, query_poses, particles))
        images = vary_light(images, random, recolour=random.random() < training.recolour)
        if training.relight > 0.0:
            images = _in_other_light(images, views, training.relight, random)
        if training.narrow > 0.0:
            seen = torch.cat(
                [
                    narrow(seen[:views], config.view_angle, training.narrow, random, group=views),
                    narrow(seen[views:], config.view_angle, training.narrow, random),
                ]
            )
        if not seen.all():
            images = fill(images, seen)
        unit = [config.metres_per_unit, config.metres_per_unit, 1.0]
        poses = [torch.from_numpy(p / unit).float() for p in (view_poses, query_poses, particles)]
        return images[:views], poses[0], images[views:], poses[1], poses[2], log_density

    def _particles(self, place: TrainingPlace, truth: Array, random: np.random.Generator) -> tuple[Array, Tensor]:
        """Draw particles (Q, K, 3) for true poses (Q, 3), metres, and compute their log-density (Q, K)."""
        training = self._training
        if training.objective == "pose":
            spread = [training.tracking_d, training.tracking_d, training.tracking_a]
            noise = random.normal(size=(len(truth), training.particles, 3)) * spread
            return truth[:, None] + noise, torch.zeros(noise.shape[:2])
        mixture = ParticleMixture(place.bounds, training.local_share, _AROUND)
        particles = mixture.draw(truth, training.particles, random)
        return particles, mixture.log_density(torch.from_numpy(particles).float(), torch.from_numpy(truth).float())


class _Frames(NamedTuple):
    """Images (N, H, W, 3) of drives, camera poses (N, 3), and the pixels (N, H, W) that the cameras see."""

    images: Tensor
    poses: Array
    seen: Tensor


def _split(place: TrainingPlace, random: np.random.Generator) -> tuple[_Frames, _Frames]:
    """Select frames for the map, and those of another drive, if there is one, for queries."""
    held = int(random.integers(len(place.drives)))
    others = [d for i, d in enumerate(place.drives) if i != held or len(place.drives) == 1]
    index = int(random.integers(len(others))) if len(others) > 2 and random.random() < 0.3 else None
    return _joined(others if index is None else [others[index]]), _joined([place.drives[held]])


def _joined(drives: list[DriveFrames]) -> _Frames:
    seen = [torch.ones(d.images.shape[:3], dtype=torch.bool) if d.seen is None else d.seen for d in drives]
    return _Frames(torch.cat([d.images for d in drives]), np.concatenate([d.poses for d in drives]), torch.cat(seen))


def _choose_views(poses: Array, views: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Choose views spread over the poses (N, 3), as `dmn_build_map` does, but with a random start."""
    candidates = random.choice(len(poses), min(_CANDIDATES, len(poses)), replace=False)
    spread = cover(poses[candidates], spacing_d=0.08, spacing_a=0.06, max_views=views)
    short = views - len(spread)
    extra = random.integers(0, len(candidates), short) if short > 0 else np.empty(0, np.int64)
    return np.asarray(candidates[np.concatenate([spread, extra])])


def _in_other_light(images: Tensor, views: int, share: float, random: np.random.Generator) -> Tensor:
    """Show a map's views (the first images) in one other light, and each query in a light of its own."""
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    mapped, queries = images[:views], images[views:]
    return torch.cat([relight(mapped, share, generator, group=views), relight(queries, share, generator)])


def vary_light(images: Tensor, random: np.random.Generator, *, recolour: bool) -> Tensor:
    """Vary gamma and, with `recolour`, colour channels of a place; exposure, contrast and noise of each image."""
    if recolour:
        images = images[:, torch.from_numpy(random.permutation(3))]
    images = images.clamp_min(1e-3) ** float(random.uniform(0.7, 1.4))
    gain = torch.from_numpy(random.uniform(0.85, 1.15, (len(images), 1, 1, 1))).float()
    offset = torch.from_numpy(random.uniform(-0.06, 0.06, (len(images), 1, 1, 1))).float()
    seed = int(random.integers(2**31))
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)) * 0.01
    return (images * gain + offset + noise).clamp(0.0, 1.0)
