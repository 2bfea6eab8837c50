"""Tests of camera faults in sequences."""

from __future__ import annotations

import numpy as np
import pytest
from made_drives import STEP, textured

from camera_faults import KINDS, Faults, spoiled
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from vlocnet_ros.runtime.integrity.frozen_camera import sharpness


def sequence(name: str, count: int = 300, width: int = 64) -> Sequence:
    poses = np.repeat(np.eye(4)[None], count, axis=0)
    start = 0 if name == "here" else 10_000
    return Sequence(
        name=name,
        camera=Camera.from_field_of_view(width, 48, 90.0),
        frame_numbers=np.arange(count),
        stamps=np.arange(count) * STEP,
        map_T_camera=poses,
        read_image=lambda i: textured(start + i),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_faults_change_their_frames_and_no_others(kind):
    here, there = sequence("here"), sequence("there")
    faulty, mask = spoiled(here, Faults(kind, count=3, seed=1), there)
    begins = np.nonzero(np.diff(mask.astype(int)) == 1)[0] + 1
    assert (mask.sum(), len(begins)) == (30, 3)  # 2 s at 5 Hz, three times
    for i in range(len(here)):
        assert np.array_equal(faulty.read_image(i), here.read_image(i)) != mask[i]
    first = int(begins[0])
    shown = [faulty.read_image(first + i) for i in range(10)]
    if kind == "frozen":
        assert all(np.array_equal(image, here.read_image(first - 1)) for image in shown)
    elif kind == "blurred":
        assert sharpness(shown[0]) < 0.2 * sharpness(here.read_image(first))
    elif kind == "dark":
        assert max(image.max() for image in shown) < 15
        assert not np.array_equal(shown[0], shown[1])
    else:
        numbers = [next(j for j in range(300) if np.array_equal(image, there.read_image(j))) for image in shown]
        assert np.diff(numbers).tolist() == [1] * 9
    again, _ = spoiled(here, Faults(kind, count=3, seed=1), there)
    assert np.array_equal(again.read_image(first + 5), shown[5])


def test_impossible_faults_are_refused():
    with pytest.raises(DatasetError, match="too short"):
        spoiled(sequence("here", 40), Faults("dark"))
    for other in (None, sequence("there", width=80)):
        with pytest.raises(DatasetError, match="equal camera"):
            spoiled(sequence("here"), Faults("elsewhere"), other)
