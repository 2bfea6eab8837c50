"""Partial views of trainings: they look as those of `CameraAdapter`, and pass through the batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map.drive_frames import DriveFrames
from dmn_ros.training.partial_views import fill, narrow
from dmn_ros.training.training_config import TrainingConfig
from dmn_ros.training.training_data import TrainingBatches, TrainingPlace
from localization_common.camera import Camera, CameraAdapter
from localization_common.camera.adapter import NARROWEST

CONFIG = TrainingConfig(particles=16, contexts=(6, 6), worlds=1, queries=8, mirror=0.0, recolour=0.0)
ALL = torch.ones(400, 48, 64, dtype=torch.bool)


def _share(mask: torch.Tensor) -> torch.Tensor:
    return mask.float().mean((1, 2))


def test_filled_pictures_are_those_of_the_adapter() -> None:
    source, target = Camera.from_field_of_view(64, 48, 60.0), Camera.from_field_of_view(64, 48, 90.0)
    adapter = CameraAdapter(source, target, partial=True)
    adapted = adapter(np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8))
    image = torch.from_numpy(adapted).permute(2, 0, 1)[None] / 255.0
    spoiled = torch.where(torch.from_numpy(adapter.seen), image, 0.9)
    torch.testing.assert_close(fill(spoiled, torch.from_numpy(adapter.seen)[None]), image, atol=0.5 / 255, rtol=0)


def test_windows_are_those_of_lenses_from_the_narrowest_on() -> None:
    seen = narrow(ALL, 90.0, 1.0, np.random.default_rng(0))
    widths = seen.any(1).sum(1)
    assert widths.min() >= int(64 * np.tan(np.radians(NARROWEST / 2))) - 1
    assert widths.max() > 60
    rows = torch.arange(48.0)
    middles = (seen.any(2) * rows).sum(1) / seen.any(2).sum(1)
    assert middles.min() < 19.0  # some look up, some down
    assert middles.max() > 28.0


def test_a_group_has_one_camera_and_the_share_is_that_of_the_groups() -> None:
    seen = narrow(ALL, 90.0, 0.5, np.random.default_rng(0), group=4)
    groups = seen.unflatten(0, (-1, 4))
    assert (groups == groups[:, :1]).all()
    assert 0.35 < (_share(groups[:, 0]) < 1.0).float().mean() < 0.65
    part = ALL.clone()
    part[:, :, 20:] = False
    assert not (narrow(part, 90.0, 1.0, np.random.default_rng(0)) & ~part).any()


def test_batches_show_what_the_cameras_of_the_drives_see(tiny_config: NetworkConfig) -> None:
    random = np.random.default_rng(0)
    seen = torch.zeros(24, 32, dtype=torch.bool)
    seen[:, :16] = True
    drives = []
    for i in range(2):
        poses = random.uniform([-1.5, -1.5, -np.pi], [1.5, 1.5, np.pi], (30, 3))
        images = torch.from_numpy(random.integers(0, 255, (30, 24, 32, 3), dtype=np.uint8))
        drive = DriveFrames(f"drive {i}", images, poses, poses, np.arange(30), seen=seen.expand(30, -1, -1))
        drives.append(drive)
    place = TrainingPlace("half", tuple(drives), (-2.0, -2.0, 2.0, 2.0))
    for config in (CONFIG, dataclasses.replace(CONFIG, relight=1.0)):
        batch = next(iter(TrainingBatches([place], tiny_config, config)))
        for images in (batch.view_images[0], batch.query_images[0]):
            hidden = images[..., 16:]
            assert (hidden.amax((2, 3)) - hidden.amin((2, 3))).max() < 1e-5  # one colour
            mean = images[..., :16].mean((2, 3))
            torch.testing.assert_close(hidden.mean((2, 3)), mean, atol=1e-4, rtol=0)
    mirrored = next(iter(TrainingBatches([place], tiny_config, dataclasses.replace(CONFIG, mirror=1.0))))
    left = mirrored.query_images[0][..., :16]
    assert (left.amax((2, 3)) - left.amin((2, 3))).max() < 1e-5
