from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transforms3d.euler import euler2mat

from deep_localization.evaluation import comparison
from deep_localization.evaluation.drive_results import Results
from localization_common.datasets.sequence import Sequence

REDKITCHEN = "7scenes/redkitchen/seq-01"
HELD_OUT = "200-239,450-489,700-739"


def test_constant_motion_is_exact_on_a_constant_drive(drive: Sequence) -> None:
    notes = comparison.constant_motion([drive.select(np.arange(30))], drive.select(np.arange(30, 60)), 1.0)
    assert list(notes.values()) == ["0.00 %, 0.00 deg/m"]


def test_constant_motion_of_half_the_speed_loses_half_of_the_way(drive: Sequence, make_drive) -> None:
    slow = make_drive(60, step_m=0.05)
    notes = comparison.constant_motion([slow], drive, 1.0)
    assert list(notes.values()) == ["50.00 %, 0.00 deg/m"]
    assert comparison.constant_motion([slow], drive.select(np.arange(4)), 1.0) == {}


def test_largest_difference_is_the_largest(drive: Sequence) -> None:
    poses = dict(zip(drive.stamps.tolist(), drive.map_T_base, strict=True))
    moved = {stamp: pose.copy() for stamp, pose in poses.items()}
    stamps = drive.stamps.tolist()
    moved[stamps[3]][1, 3] += 0.002
    moved[stamps[7]][:3, :3] = euler2mat(0.0, 0.0, 0.03)
    del moved[stamps[9]]
    difference = comparison.largest_difference(poses, moved)
    assert difference.metres == pytest.approx(0.002)
    assert difference.radians == pytest.approx(0.03)
    assert difference.frames == 59
    notes = comparison.differences(Results("live", map_T_base=poses), Results("offline", map_T_base=moved))
    assert notes == {"largest difference of the live from the offline pose": "2.0e-03 m and 3.0e-02 rad over 59 frames"}


def test_redkitchen_baselines_are_the_known_ones(shared_data: Path) -> None:
    train = comparison.training_sequences(shared_data / REDKITCHEN, HELD_OUT)
    (everything,) = comparison.training_sequences(shared_data / REDKITCHEN, "")
    assert len(train[0]) == 600
    test = everything.select(~np.isin(everything.frame_numbers, train[0].frame_numbers))
    assert len(test) == 120
    thumbnail, oracle = comparison.baselines(train, test)
    assert oracle.median_m == pytest.approx(0.136, abs=0.0006)  # 13.6 cm, 7.2 deg: the data's own description
    assert oracle.median_deg == pytest.approx(7.2, abs=0.25)  # poses are made rigid when they are read
    assert thumbnail.median_m > oracle.median_m
