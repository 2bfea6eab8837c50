"""The shipped checkpoint on the loop that it never saw: as good as its card says, honest, silent when it must be."""

from __future__ import annotations

import numpy as np
import pytest

from camera_faults import Faults, spoiled
from deep_localization.shipped_files import shipped
from integrity_scoring import consistency, run_over
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_sim.commands.record import render_drives
from vlocnet_ros.runtime.localizer import Localizer

CAMERA = Camera.from_field_of_view(160, 120, 90.0)


@pytest.fixture(scope="module")
def loop() -> Sequence:
    return render_drives(0, ["test"], CAMERA, labels=False)[0]


def localizer(*, fuse: bool = True) -> Localizer:
    return Localizer.from_checkpoint(shipped("models/vlocnet_apartment_light.safetensors"), fuse=fuse)


def test_poses_are_near_and_covariances_true(loop: Sequence) -> None:
    answers = run_over(localizer(), loop)
    metres, radians = (np.linalg.norm(answers.errors[:, part], axis=1) for part in (slice(0, 3), slice(3, 6)))
    assert np.median(metres) < 0.04
    assert np.degrees(np.median(radians)) < 1.0
    assert not answers.wrong.any()
    assert answers.withheld.mean() < 0.02
    score = consistency(answers)
    assert score.band[0] < score.nees < score.band[1]
    single = run_over(localizer(fuse=False), loop)
    assert np.median(np.linalg.norm(single.errors[:, :3], axis=1)) > 1.3 * np.median(metres)


def test_frames_of_another_apartment_do_not_give_poses(loop: Sequence) -> None:
    elsewhere = render_drives(2, ["train_00"], CAMERA, labels=False)[0]
    sequence, faulty = spoiled(loop, Faults("elsewhere", seed=2), elsewhere)
    answers = run_over(localizer(), sequence)
    good = ~answers.wrong & ~faulty
    assert answers.wrong.sum() > 20
    assert answers.withheld[answers.wrong].mean() > 0.95
    # What would be published is right again before that is known; of all faults together, `vlocnet_integrity` tells.
    assert answers.withheld[good].mean() < 0.08
