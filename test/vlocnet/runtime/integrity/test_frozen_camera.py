"""Cameras that have stopped, and images out of focus."""

from __future__ import annotations

import numpy as np
import pytest
from made_drives import STEP, textured

from localization_common.errors import InputError
from vlocnet_ros.runtime.integrity.frozen_camera import FrozenCameraCheck, sharpness


def test_a_stopped_camera_is_noticed_and_a_moving_one_is_not():
    shutter = FrozenCameraCheck(1_000_000_000)
    for i in range(10):
        shutter.check(textured(i), i * STEP)
    for i in range(10, 15):
        shutter.check(textured(9), i * STEP - STEP // 2)
    with pytest.raises(InputError, match=r"the very same picture for 1\.1 s"):
        shutter.check(textured(9), 15 * STEP - STEP // 2)
    assert not shutter.recovers(textured(9))
    assert shutter.recovers(textured(20))
    shutter.check(textured(20), 16 * STEP)
    assert not shutter.recovers(textured(21))
    patient = FrozenCameraCheck(0)
    for i in range(100):
        patient.check(textured(0), i * STEP)


def test_an_image_out_of_focus_is_refused():
    sharp = textured(0)
    dull = np.full_like(sharp, 120)
    dull[:, 32:] = 140
    shutter = FrozenCameraCheck(0, usual=sharpness(sharp))
    assert shutter.check(sharp, 1) == sharpness(sharp)
    with pytest.raises(InputError, match="out of focus"):
        shutter.check(dull, 2)
