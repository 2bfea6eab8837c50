"""Check of recordings: mistakes of true poses and of odometry are found, named and measured."""

from __future__ import annotations

from pathlib import Path

import bag_cases as cases
import numpy as np
import pytest
import room_cases as room
from checked_recordings import checked, only

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.recording_check.conclusion import inspect
from localization_common.recording_check.findings import Grade


def test_the_scale_of_the_odometry_is_measured(tmp_path: Path) -> None:
    def scaled(seconds: float) -> cases.Array:
        pose = room.truth_at(seconds)
        pose[:3, 3] *= 1.1
        return pose

    check = only(checked(tmp_path, room.drive(odometry=scaled)), "odometry")
    assert check.numbers["scale"] == pytest.approx(1.1, abs=0.005)
    assert check.numbers["jumps"] == 0
    assert "10% too long" in check.sentence


def test_a_jump_of_the_odometry_is_found(tmp_path: Path) -> None:
    def jumped(seconds: float) -> cases.Array:
        pose = cases.odometry_at(seconds)
        return room.jump(0.5) @ pose if seconds > 12.1 else pose

    check = only(checked(tmp_path, room.drive(odometry=jumped)), "odometry")
    assert check.numbers["jumps_m"] == [pytest.approx(0.5, abs=0.05)]
    assert check.numbers["jumps_at_s"] == [pytest.approx(12.25, abs=0.01)]


@pytest.mark.parametrize("with_odometry", [True, False])
@pytest.mark.parametrize(("metres", "degrees"), [(0.6, 0.0), (0.0, 30.0)])
def test_a_jump_of_the_truth_is_found(tmp_path: Path, with_odometry: bool, metres: float, degrees: float) -> None:
    def jumped(seconds: float) -> cases.Array:
        pose = room.truth_at(seconds)
        return room.jump(metres, degrees) @ pose if seconds > 12.1 else pose

    odometry = {} if with_odometry else {"odometry": lambda seconds: None}
    check = only(checked(tmp_path, room.drive(truth=jumped, **odometry)), "truth")
    assert check.numbers["jumps_m"] == [pytest.approx(metres, abs=0.2)]
    assert check.numbers["jumps_deg"] == [pytest.approx(degrees, abs=8.0)]
    assert check.numbers["jumps_frame"] == [49]
    assert "frame 49 (--exclude)" in check.advice


def test_a_jump_between_rare_true_poses_is_found(tmp_path: Path) -> None:
    def jumped(seconds: float) -> cases.Array:
        pose = room.truth_at(seconds)
        return room.jump(0.8) @ pose if seconds > 12.1 else pose

    check = only(checked(tmp_path, room.drive(truth=jumped, truth_period=0.7)), "truth")
    assert check.numbers["jumps_m"] == [pytest.approx(0.8, abs=0.15)]
    assert check.numbers["jumps_at_s"] == [pytest.approx(12.25, abs=0.75)]


def test_a_single_pose_that_is_off_is_found(tmp_path: Path) -> None:
    def off(seconds: float) -> cases.Array:
        pose = room.truth_at(seconds)
        return room.jump(1.0) @ pose if abs(seconds - 12.0) < 0.06 else pose

    check = only(checked(tmp_path, room.drive(truth=off)), "truth")
    assert check.numbers["jumps_frame"] == [48, 49]  # there and back


@pytest.mark.parametrize(("factor", "words"), [(1.2, "20% too large"), (-1.0, "the other way round")])
def test_turns_of_the_odometry_are_judged(tmp_path: Path, factor: float, words: str) -> None:
    # 0.5 m/s along a circle whose turning is counted wrongly.
    def turned(seconds: float) -> cases.Array:
        angle = 0.25 * factor * seconds
        radius = 2.0 / factor
        return planar.to_se3(np.array([radius * np.sin(angle), radius - radius * np.cos(angle), angle]))

    check = only(checked(tmp_path, room.drive(odometry=turned)), "odometry")
    assert words in check.sentence
    assert check.numbers["turn_scale"] == pytest.approx(factor, abs=0.02)


def test_odometry_at_1_hz_is_no_jump_of_the_truth(tmp_path: Path) -> None:
    inspection = checked(
        tmp_path, room.weaving_drive(odometry=lambda t: room.weaving_at(t) if abs(t - round(t)) < 1e-6 else None)
    )
    # It cuts the turns between its messages: this is no jump of the true poses.
    assert inspection.check("truth").verdict is Grade.OK, inspection.text()


def test_without_truth_the_advice_is_to_record_some(tmp_path: Path) -> None:
    check = only(checked(tmp_path, room.drive(truth=lambda t: None)), "truth")
    assert "--poses" in check.advice


def slow_drive(hertz: int) -> Sequence:
    """Drive at 0.12 m/s for 3 s, then stand for 1 s; the camera shows the same picture all the time."""
    seconds = np.arange(4 * hertz + 1) / hertz
    map_T_base = planar.to_se3(np.stack([0.12 * np.minimum(seconds, 3.0), 0.0 * seconds, 0.0 * seconds], axis=1))
    return Sequence(
        name="slow",
        camera=room.CAMERA,
        frame_numbers=np.arange(len(seconds)),
        stamps=(seconds * 1e9).astype(np.int64),
        map_T_camera=map_T_base @ room.BASE_T_CAMERA,
        base_T_camera=room.BASE_T_CAMERA,
        read_image=lambda index: room.pictures()[0],
    )


@pytest.mark.parametrize("hertz", [10, 60])
def test_standing_and_a_frozen_camera_do_not_depend_on_the_frame_rate(hertz: int) -> None:
    """Record a slow robot with a fast camera: each step is shorter than the trembling of encoders."""
    inspection = inspect(slow_drive(hertz))[0]
    assert inspection.check("motion").numbers["standing_share"] == pytest.approx(0.25, abs=0.03)
    assert inspection.check("changes").numbers["repeated_share"] > 0.9
