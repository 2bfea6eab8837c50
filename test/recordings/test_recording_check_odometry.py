"""Check of recordings without true poses: odometry that cannot be right is found in itself and by the pictures."""

from __future__ import annotations

from pathlib import Path

import bag_cases as cases
import numpy as np
import pytest
import room_cases as room
from checked_recordings import checked

from deep_localization.place_building.recordings import open_recordings
from localization_common.datasets.options import RecordingOptions
from localization_common.geometry import planar, se3
from localization_common.recording_check.conclusion import Inspection
from localization_common.recording_check.findings import CheckResult, Grade


def odometry_check(inspection: Inspection, verdict: Grade) -> CheckResult:
    """Return the check of the odometry, which has this verdict."""
    check = inspection.check("odometry")
    assert check.verdict is verdict, inspection.text()
    assert bool(check.advice) == (verdict is not Grade.OK)
    return check


def without_truth(tmp_path: Path, odometry: object) -> Inspection:
    """Inspect a drive with this odometry and no true poses."""
    return checked(tmp_path, room.drive(truth=lambda t: None, odometry=odometry))


def restarted(seconds: float) -> cases.Array:
    """Odometry whose driver is started again after 12 s: it begins at zero."""
    pose = cases.odometry_at(seconds)
    return np.asarray(se3.inverse(cases.odometry_at(12.1)) @ pose) if seconds > 12.1 else pose


def scaled(factor: float) -> object:
    """Odometry in another unit."""

    def odometry(seconds: float) -> cases.Array:
        pose = cases.odometry_at(seconds).copy()
        pose[:3, 3] *= factor
        return pose

    return odometry


def test_right_odometry_is_plausible(tmp_path: Path) -> None:
    check = odometry_check(without_truth(tmp_path, cases.odometry_at), Grade.OK)
    assert check.numbers["jumps"] == 0
    assert check.numbers["speed_m_per_s"] == pytest.approx(0.5, abs=0.05)


def test_odometry_that_starts_again_is_found(tmp_path: Path) -> None:
    check = odometry_check(without_truth(tmp_path, restarted), Grade.WARN)
    assert check.numbers["jumps_at_s"] == [pytest.approx(12.25, abs=0.01)]
    assert "it jumps by" in check.sentence
    assert "its driver may have been restarted" in check.advice


@pytest.mark.parametrize(("factor", "verdict"), [(1000.0, Grade.FAIL), (60.0, Grade.WARN)])
def test_odometry_in_another_unit_is_found(tmp_path: Path, factor: float, verdict: Grade) -> None:
    check = odometry_check(without_truth(tmp_path, scaled(factor)), verdict)
    assert f"it moves at {0.51 * factor:.0f} m/s" in check.sentence
    assert "millimetres" in check.advice
    assert check.numbers["jumps"] == 0


def test_odometry_and_truth_in_millimetres_are_found(tmp_path: Path) -> None:
    def truth(seconds: float) -> cases.Array:
        pose = room.truth_at(seconds).copy()
        pose[:3, 3] *= 1000.0
        return pose

    check = odometry_check(checked(tmp_path, room.drive(truth=truth, odometry=scaled(1000.0))), Grade.FAIL)
    assert "millimetres" in check.advice


def test_odometry_that_stands_while_pictures_change_is_found(tmp_path: Path) -> None:
    check = odometry_check(without_truth(tmp_path, lambda t: np.eye(4)), Grade.WARN)
    assert "it never moves although the pictures change" in check.sentence


def test_a_robot_that_stands_before_a_lamp_and_a_person_is_no_such_case(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    scene = room.view(room.truth_at(0.0) @ room.BASE_T_CAMERA).astype(np.float64)

    def picture(index: int) -> np.ndarray:
        seen = scene + 20.0 * np.sin(0.3 * index) + random.normal(0.0, 3.0, scene.shape)
        seen[:, 3 * index % 120 :][:, :25] = 40.0
        return np.clip(seen, 0, 255).astype(np.uint8)

    pictures = tuple(picture(i) for i in range(room.COUNT))
    messages = room.drive(truth=lambda t: None, odometry=lambda t: np.eye(4), shown=lambda: pictures)
    odometry_check(checked(tmp_path, messages), Grade.OK)


def test_holes_and_stops_are_no_jumps(tmp_path: Path) -> None:
    """The robot stands, starts at once, and stops; its odometry has a hole while it drives."""

    def stop_and_go(seconds: float) -> cases.Array | None:
        driven = np.clip(seconds - 5.0, 0.0, 4.0) + np.clip(seconds - 15.0, 0.0, 2.0)
        return None if 16.0 < seconds < 20.0 else planar.to_se3(np.array([1.2 * driven, 0.0, 0.9 * driven]))

    check = without_truth(tmp_path, stop_and_go).check("odometry")
    assert check.numbers["jumps"] == 0, check.sentence


def test_the_mapping_warns_before_it_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases.write_bag(tmp_path / "bag", room.drive(truth=lambda t: None, odometry=restarted))
    open_recordings([tmp_path / "bag"], RecordingOptions())
    assert "bag: WARN odometry: " in capsys.readouterr().err
