"""`recording_check`: a clean recording raises no alarm, and each thing that is spoiled is found, named and measured."""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import bag_cases as cases
import numpy as np
import pytest
import room_cases as room
from transforms3d import euler

from localization_common.camera import Camera
from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.recording_check import command
from localization_common.recording_check.camera_findings import check_camera, field_of_view
from localization_common.recording_check.conclusion import Inspection, inspect
from localization_common.recording_check.findings import CheckResult, Grade
from localization_common.recording_check.warnings import announce_checked


def checked(tmp_path: Path, messages: list[cases.Message], options: RecordingOptions | None = None) -> Inspection:
    return inspect(open_sequence(cases.write_bag(tmp_path / "bag", messages), options))[0]


def only(inspection: Inspection, name: str, verdict: Grade = Grade.WARN) -> CheckResult:
    """The one check that is not OK, which must be this one."""
    assert [(check.name, check.verdict) for check in inspection.bad] == [(name, verdict)], inspection.text()
    assert inspection.bad[0].advice, "it says what to do"
    return inspection.bad[0]


def test_a_clean_recording_raises_no_alarm(tmp_path: Path) -> None:
    inspection = checked(tmp_path, room.drive())
    assert inspection.bad == [], inspection.text()
    assert inspection.sentence == "good"
    assert inspection.check("odometry").numbers["scale"] == pytest.approx(1.02, abs=0.002)
    assert inspection.check("rates").numbers["images_hz"] == pytest.approx(4.0)
    assert inspection.check("camera").numbers["horizontal_view_deg"] == pytest.approx(90.0, abs=0.1)
    assert inspection.check("motion").numbers["speed_median_m_per_s"] == pytest.approx(0.5, abs=0.01)
    assert inspection.check("coverage").numbers["loops"] == 1


@pytest.mark.parametrize(("every", "verdict"), [(4, Grade.WARN), (1, Grade.FAIL)])
def test_blurred_pictures_are_counted(tmp_path: Path, every: int, verdict: Grade) -> None:
    messages = room.drive(change=lambda image, index: room.blurred(image) if index % every == 0 else image)
    check = only(checked(tmp_path, messages), "sharpness", verdict)
    assert check.numbers["blurred_share"] == pytest.approx(1.0 / every, abs=0.02)


@pytest.mark.parametrize(
    ("factor", "key", "word"), [(0.15, "dark_share", "dark"), (8.0, "overexposed_share", "overexposed")]
)
def test_ill_exposed_pictures_are_counted(tmp_path: Path, factor: float, key: str, word: str) -> None:
    def change(image: room.Image, index: int) -> room.Image:
        return np.clip(image * factor, 0, 255).astype(np.uint8) if index < 30 else image

    check = only(checked(tmp_path, room.drive(change=change)), "exposure")
    assert check.numbers[key] == pytest.approx(30 / room.COUNT, abs=0.01)
    assert word in check.sentence


def test_a_covered_lens_fails(tmp_path: Path) -> None:
    inspection = checked(tmp_path, room.drive(change=lambda image, index: np.full_like(image, 40)))
    assert inspection.verdict is Grade.FAIL
    assert inspection.check("exposure").numbers["constant_share"] == 1.0
    assert "cap" in inspection.check("exposure").advice


def test_flicker_is_seen(tmp_path: Path) -> None:
    def change(image: room.Image, index: int) -> room.Image:
        return np.clip(image * (0.75 if index % 2 else 1.0), 0, 255).astype(np.uint8)

    check = only(checked(tmp_path, room.drive(change=change)), "exposure")
    assert "flicker" in check.sentence
    assert "mains" in check.advice


def test_pictures_that_are_repeated_are_counted(tmp_path: Path) -> None:
    messages = room.drive(change=lambda image, index: room.pictures()[index - index % 3])
    check = only(checked(tmp_path, messages), "changes")
    assert check.numbers["repeated_share"] == pytest.approx(2 / 3, abs=0.02)


def test_a_part_of_the_view_that_never_changes_is_measured(tmp_path: Path) -> None:
    def change(image: room.Image, index: int) -> room.Image:
        covered = image.copy()
        covered[72:] = (90, 60, 30)  # the robot's own bonnet: 40 % of the picture
        return covered

    check = only(checked(tmp_path, room.drive(change=change)), "changes")
    assert check.numbers["unchanging_view_share"] == pytest.approx(0.4, abs=0.05)


def test_dropped_pictures_are_counted_and_the_longest_gap_is_named(tmp_path: Path) -> None:
    messages = room.drive(change=lambda image, index: None if 40 <= index < 52 or index in (70, 71) else image)
    check = only(checked(tmp_path, messages), "rates")
    assert check.numbers["images_missing"] == 14
    assert check.numbers["longest_gap_s"] == pytest.approx(13 * room.PERIOD)
    assert check.numbers["longest_gap_at_s"] == pytest.approx(39 * room.PERIOD)


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
    # It cuts the turns between its messages: the true poses are not blamed.
    assert inspection.check("truth").verdict is Grade.OK, inspection.text()


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


def test_the_field_of_view_minds_the_lens() -> None:
    assert field_of_view(Camera.from_field_of_view(640, 480, 62.0))[0] == pytest.approx(62.0, abs=0.1)
    fisheye = Camera(800, 800, 230.0, 230.0, 399.5, 399.5, "equidistant", (0.0, 0.0, 0.0, 0.0))
    assert field_of_view(fisheye)[0] == pytest.approx(np.degrees(800 / 230.0), abs=0.5)  # 199 degrees
    narrow = check_camera(Camera.from_field_of_view(640, 480, 30.0))
    assert narrow.verdict is Grade.WARN
    assert "narrow" in narrow.sentence
    turning_back = check_camera(Camera(640, 480, 300.0, 300.0, 319.5, 239.5, distortion=(-0.9, 0.0, 0.0, 0.0)))
    assert turning_back.verdict is Grade.WARN
    assert "turns back" in turning_back.sentence


def test_without_truth_it_says_how_to_get_some(tmp_path: Path) -> None:
    check = only(checked(tmp_path, room.drive(truth=lambda t: None)), "truth")
    assert "--poses" in check.advice


def test_pictures_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    messages = room.drive()
    for message in [m for m in messages if m.topic == "/image"][::10]:
        message.content.data = message.content.data[:100]
    check = only(checked(tmp_path, messages), "reading")
    assert check.numbers["images_left_out"] == room.COUNT // 10


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["recording_check", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        command.main()
    assert isinstance(stopped.value.code, int), stopped.value.code
    return stopped.value.code


def test_the_command_writes_text_json_and_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bag = cases.write_bag(tmp_path / "bag", room.drive(truth_period=0.7, change=lambda i, n: room.blurred(i, 13)))
    assert run(monkeypatch, bag, "--output", tmp_path / "page", "--json", tmp_path / "all.json") == 1
    text = capsys.readouterr().out
    assert "not usable: sharpness" in text.splitlines()[0]
    assert len(text.splitlines()) < 24, "one screen"
    written = json.loads((tmp_path / "all.json").read_text())
    assert written["verdict"] == "FAIL"
    assert written["checks"]["rates"]["numbers"]["longest_gap_s"] == pytest.approx(room.PERIOD)
    assert json.loads((tmp_path / "page" / "check.json").read_text()) == written
    page = (tmp_path / "page" / "report.html").read_text()
    assert page.count("data:image/png;base64") == 5
    assert not re.search(r'(src|href)="https?:', page)


def test_a_refused_recording_is_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [message for message in room.drive() if message.topic != "/tf_static"]
    bag = cases.write_bag(tmp_path / "bag", messages)
    assert run(monkeypatch, bag, "--output", tmp_path / "page", "--json", tmp_path / "all.json") == 1
    assert "--mount" in capsys.readouterr().out
    assert json.loads((tmp_path / "all.json").read_text())["verdict"] == "FAIL"
    assert "--mount" in (tmp_path / "page" / "report.html").read_text()
    assert run(monkeypatch, bag, "--mount", 0.2, 0.05, 0.6, 0, 0, 0) == 0


def test_commands_that_train_print_the_warnings_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    announce_checked(open_sequence(cases.write_bag(tmp_path / "clean", room.drive())))
    assert "WARN" not in capsys.readouterr().err
    messages = room.drive(change=lambda image, index: room.blurred(image) if index % 2 else image)
    announce_checked(open_sequence(cases.write_bag(tmp_path / "blurred", messages)))
    warnings = [line for line in capsys.readouterr().err.splitlines() if "WARN" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("blurred: WARN sharpness: 50%")


def test_training_commands_warn_of_their_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from dmn_ros.training.training_data import read_place
    from vlocnet_ros.training.config import TrainConfig
    from vlocnet_ros.training.data import open_data

    messages = room.drive(change=lambda image, index: room.blurred(image) if index % 2 else image)
    bag = cases.write_bag(tmp_path / "blurred", messages)
    open_data(TrainConfig(train=(bag,), output=tmp_path / "net.safetensors"))
    assert "blurred: WARN sharpness: 50%" in capsys.readouterr().err
    read_place(bag, room.CAMERA)
    assert "blurred: WARN sharpness: 50%" in capsys.readouterr().err


def test_a_long_recording_is_checked_in_two_seconds_on_the_way(tmp_path: Path) -> None:
    short = open_sequence(cases.write_bag(tmp_path / "bag", room.drive()))
    number, turns = np.arange(2000), 2000 // room.COUNT + 1
    long = Sequence(
        name="long",
        camera=short.camera,
        frame_numbers=number,
        stamps=cases.START + number * 250_000_000,
        map_T_camera=np.stack([room.truth_at(0.25 * n) @ room.BASE_T_CAMERA for n in number]),
        read_image=lambda position: room.pictures()[position % room.COUNT],
        base_T_camera=short.base_T_camera,
        odom_T_base=np.stack([cases.odometry_at(0.25 * n) for n in number]),
    )
    assert turns > 10
    started = time.monotonic()
    announce_checked(long)
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("recording", "warned"),
    [
        ("7scenes/redkitchen/seq-01", []),
        ("kitti/00", []),
        (
            "tum/rgbd_dataset_freiburg1_rpy",
            ["sharpness", "coverage"],
        ),  # a hand-held camera that turns fast, on one spot
    ],
)
def test_public_recordings_raise_no_false_alarm(shared_data: Path, recording: str, warned: list[str]) -> None:
    inspection = inspect(open_sequence(shared_data / recording), pictures=48)[0]
    assert [check.name for check in inspection.bad] == warned, inspection.text()


def test_public_pictures_that_are_blurred_are_found(shared_data: Path) -> None:
    clean = open_sequence(shared_data / "7scenes/redkitchen/seq-01")
    spoiled = replace(clean, read_image=lambda position: room.blurred(clean.read_image(position), 19))
    assert inspect(spoiled, pictures=24)[0].check("sharpness").numbers["blurred_share"] > 0.8
