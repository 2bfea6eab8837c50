"""Tests of the shipped checkpoint on the held-out loop: errors as on its card, right covariances, withheld poses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from caching_backend import CachingBackend
from camera_faults import Faults, spoiled
from integrity_scoring import consistency, run_over
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.files.shipped_files import shipped
from localization_sim import drive as drives
from localization_sim.rendering import open_apartment
from vlocnet_ros.runtime.checkpoint import Description, load_vlocnet
from vlocnet_ros.runtime.localizer import Localizer

CAMERA = Camera.from_field_of_view(160, 120, 90.0)


@pytest.fixture(scope="module")
def opened() -> tuple[Description, CachingBackend]:
    """The shipped network."""
    checkpoint = load_vlocnet(shipped("models/vlocnet_apartment_light.safetensors"))
    return checkpoint, CachingBackend(checkpoint.network)


def render(seed: int, name: str) -> Iterator[Sequence]:
    """A drive whose frames are rendered when they are looked at, once."""
    with open_apartment(seed, CAMERA) as renderer:
        sequence = drives.as_sequence(renderer, drives.plan(renderer, name), depth=False, labels=False)
        yield replace(sequence, read_image=cache(sequence.read_image))


@pytest.fixture(scope="module")
def loop() -> Iterator[Sequence]:
    """The loop that the network never saw."""
    yield from render(0, "test")


@pytest.fixture
def elsewhere() -> Iterator[Sequence]:
    """A drive through another apartment."""
    yield from render(2, "train_00")


def test_poses_are_near_and_covariances_true(loop: Sequence, opened: tuple[Description, CachingBackend]) -> None:
    answers = run_over(Localizer(*opened), loop)
    metres, radians = (np.linalg.norm(answers.errors[:, part], axis=1) for part in (slice(0, 3), slice(3, 6)))
    assert np.median(metres) < 0.04
    assert np.degrees(np.median(radians)) < 1.0
    assert not answers.wrong.any()
    assert answers.withheld.mean() < 0.02
    score = consistency(answers)
    assert score.band[0] < score.nees < score.band[1]
    single = run_over(Localizer(*opened, fuse=False), loop)
    assert np.median(np.linalg.norm(single.errors[:, :3], axis=1)) > 1.3 * np.median(metres)


def test_frames_of_another_apartment_do_not_give_poses(
    loop: Sequence, elsewhere: Sequence, opened: tuple[Description, CachingBackend]
) -> None:
    sequence, faulty = spoiled(loop, Faults("elsewhere", seed=2), elsewhere)
    answers = run_over(Localizer(*opened), sequence)
    good = ~answers.wrong & ~faulty
    assert answers.wrong.sum() > 20
    assert answers.withheld[answers.wrong].mean() > 0.95
    # Poses are right before the check allows them again; `vlocnet_integrity` measures all faults together.
    assert answers.withheld[good].mean() < 0.08
