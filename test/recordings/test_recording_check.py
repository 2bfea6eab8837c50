"""Check of recordings: a good recording gives no warning; the command, its page, and warnings of other commands."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import bag_cases as cases
import numpy as np
import pytest
import room_cases as room
from checked_recordings import checked

from localization_common.datasets import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.recording_check import command
from localization_common.recording_check.conclusion import inspect
from localization_common.recording_check.warnings import announce_checked


def test_a_clean_recording_raises_no_alarm(tmp_path: Path) -> None:
    inspection = checked(tmp_path, room.drive())
    assert inspection.bad == [], inspection.text()
    assert inspection.sentence == "good"
    assert inspection.check("odometry").numbers["scale"] == pytest.approx(1.02, abs=0.002)
    assert inspection.check("rates").numbers["images_hz"] == pytest.approx(4.0)
    assert inspection.check("camera").numbers["horizontal_view_deg"] == pytest.approx(90.0, abs=0.1)
    assert inspection.check("motion").numbers["speed_median_m_per_s"] == pytest.approx(0.5, abs=0.01)
    assert inspection.check("coverage").numbers["loops"] == 1


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


def test_a_command_that_needs_no_true_poses_does_not_warn_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = [message for message in room.drive() if message.topic != "/ground_truth/pose"]
    sequence = open_sequence(cases.write_bag(tmp_path / "bag", messages))
    announce_checked(sequence)
    assert "WARN truth: no image has a true pose" in capsys.readouterr().err
    announce_checked(sequence, truth=False)
    assert "WARN" not in capsys.readouterr().err


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
    started = time.process_time()  # time of this process alone: the machine may be busy
    announce_checked(long)
    assert time.process_time() - started < 2.0


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
