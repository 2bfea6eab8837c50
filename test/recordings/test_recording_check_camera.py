"""Check of recordings: mistakes of the camera, its mount and its clock are found, named and measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import room_cases as room
from checked_recordings import checked, only
from transforms3d import euler

from localization_common.camera import Camera
from localization_common.recording_check.camera_findings import check_camera, field_of_view
from localization_common.recording_check.findings import Grade


@pytest.mark.parametrize("seconds", [0.5, -0.3])
def test_pictures_and_poses_of_different_clocks_are_found(tmp_path: Path, seconds: float) -> None:
    late = room.weaving_drive(truth=lambda t: room.weaving_at(t - seconds), odometry=lambda t: None)
    check = only(checked(tmp_path, late), "agreement")
    assert check.numbers["time_offset_s"] == pytest.approx(seconds, abs=0.1)
    assert f"s {'later' if seconds > 0 else 'earlier'}" in check.sentence


def test_a_mount_that_the_pictures_contradict_is_found(tmp_path: Path) -> None:
    turned = np.eye(4)
    turned[:3, :3] = euler.euler2mat(0.0, np.radians(30.0), 0.0)
    check = only(checked(tmp_path, room.weaving_drive(mount=turned @ room.BASE_T_CAMERA)), "agreement")
    assert check.numbers["axes_apart_median_deg"] == pytest.approx(30.0, abs=5.0)
    assert "mount" in check.advice


@pytest.mark.parametrize(("pitch", "word"), [(90.0, "down"), (-90.0, "up")])
def test_a_camera_that_looks_at_the_floor_or_the_ceiling_is_named(tmp_path: Path, pitch: float, word: str) -> None:
    turned = np.eye(4)
    turned[:3, :3] = euler.euler2mat(0.0, np.radians(pitch), 0.0)
    inspection = checked(tmp_path, room.drive(mount=turned @ room.BASE_T_CAMERA))
    check = inspection.check("mount")
    assert check.verdict is Grade.WARN
    assert check.numbers["view_elevation_deg"] == pytest.approx(-pitch, abs=0.1)
    assert f"it looks 90 deg {word}" in check.sentence


def test_a_mount_in_millimetres_is_named(tmp_path: Path) -> None:
    mount = room.BASE_T_CAMERA.copy()
    mount[:3, 3] *= 1000.0
    assert "metres" in checked(tmp_path, room.drive(mount=mount)).check("mount").advice


def test_the_field_of_view_depends_on_the_lens() -> None:
    assert field_of_view(Camera.from_field_of_view(640, 480, 62.0))[0] == pytest.approx(62.0, abs=0.1)
    fisheye = Camera(800, 800, 230.0, 230.0, 399.5, 399.5, "equidistant", (0.0, 0.0, 0.0, 0.0))
    assert field_of_view(fisheye)[0] == pytest.approx(np.degrees(800 / 230.0), abs=0.5)  # 199 degrees
    narrow = check_camera(Camera.from_field_of_view(640, 480, 30.0))
    assert narrow.verdict is Grade.WARN
    assert "narrow" in narrow.sentence
    turning_back = check_camera(Camera(640, 480, 300.0, 300.0, 319.5, 239.5, distortion=(-0.9, 0.0, 0.0, 0.0)))
    assert turning_back.verdict is Grade.WARN
    assert "turns back" in turning_back.sentence
