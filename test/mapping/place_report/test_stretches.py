"""Weak stretches of a drive, and corrections of its odometry."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from made_maps import MadeRoom, made_drive, way, without_poses

from localization_common.geometry import planar
from localization_mapping.place_report.corrections import corrections_of
from localization_mapping.place_report.stretches import Weakness, weak_stretches

DRIVE = made_drive(MadeRoom(), way((0.5, 1.0), (3.5, 1.0)))


def test_a_good_drive_has_none() -> None:
    assert weak_stretches(0, DRIVE) == []


def test_neighbouring_weak_frames_are_one_stretch() -> None:
    inliers = DRIVE.inliers.copy()
    inliers[[3, 4, 6, 15]] = 12
    found = weak_stretches(2, replace(DRIVE, inliers=inliers))
    assert [(s.weakness, s.first, s.last, s.frames) for s in found] == [
        (Weakness.FEW_POINTS, 3, 6, 3),
        (Weakness.FEW_POINTS, 15, 15, 1),
    ]
    first = found[0]
    assert (first.drive, first.start, first.end) == (2, pytest.approx(0.6), pytest.approx(1.2))
    assert first.detail == "12 points in the median"
    assert first.place == (pytest.approx(DRIVE.map_T_base[4, 0, 3]), pytest.approx(1.0))


def test_frames_without_pose_have_the_place_of_the_nearest_located_one() -> None:
    (found,) = weak_stretches(0, without_poses(DRIVE, slice(0, 5)))
    assert found.weakness is Weakness.NOT_LOCATED
    assert found.place == (pytest.approx(DRIVE.map_T_base[5, 0, 3]), pytest.approx(1.0))


def test_blurred_pictures_are_found() -> None:
    sharp = DRIVE.sequence.read_image(0)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 4.0)
    read = replace(DRIVE.sequence, read_image=lambda i: blurred if 8 <= i < 12 else sharp)
    (found,) = weak_stretches(0, replace(DRIVE, sequence=read))
    assert (found.weakness, found.first, found.last) == (Weakness.BLURRED, 8, 11)


def test_corrections_start_at_zero_and_grow_with_the_drift() -> None:
    # The odometry is 2 % too short and turns 1 degree to the left, evenly over the way of 3 m.
    steps = len(DRIVE.sequence) - 1
    share = np.linspace(0.0, 1.0, steps + 1)
    odometry = planar.to_se3(np.column_stack([2.94 * share, np.zeros(steps + 1), np.radians(share)]))
    found = corrections_of(replace(DRIVE, sequence=replace(DRIVE.sequence, odom_T_base=odometry)))
    assert found is not None
    assert found.metres[0] == pytest.approx(0.0)
    assert found.metres[-1] == pytest.approx(0.06)
    assert found.degrees[-1] == pytest.approx(1.0)
    assert found.way[-1] == pytest.approx(3.0)
    assert found.length_ratio == pytest.approx(1.0 / 0.98)


def test_no_odometry_no_corrections() -> None:
    assert corrections_of(replace(DRIVE, sequence=replace(DRIVE.sequence, odom_T_base=None))) is None
