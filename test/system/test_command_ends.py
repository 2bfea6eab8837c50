"""Tests of the ends of all command lines: an error of the user, a full disk and Ctrl-C are one line each."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from localization_common import command_line
from localization_common.camera import Camera
from localization_common.datasets.bag_writer import BagWriter
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError

COMMANDS = {
    "vlocnet_train": "vlocnet_ros.commands.train",
    "vlocnet_train_schedule": "vlocnet_ros.commands.train_schedule",
    "vlocnet_evaluate": "vlocnet_ros.commands.evaluate",
    "vlocnet_explain": "vlocnet_ros.commands.explain",
    "vlocnet_build_keyframes": "vlocnet_ros.commands.build_keyframes",
    "vlocnet_export": "vlocnet_ros.commands.export",
    "vlocnet_systems": "vlocnet_ros.commands.complexity",
    "vlocnet_calibrate": "vlocnet_ros.commands.calibrate",
    "vlocnet_tables": "vlocnet_ros.commands.tables",
    "dmn_train": "dmn_ros.commands.train",
    "dmn_evaluate": "dmn_ros.commands.evaluate",
    "dmn_train_worlds": "dmn_ros.commands.train_worlds",
    "dmn_evaluate_worlds": "dmn_ros.commands.evaluate_worlds",
    "dmn_build_map": "dmn_ros.commands.build_map",
    "evaluate_bag": "deep_localization.evaluation.evaluate_bag",
    "localization_demo": "deep_localization.demo.demo",
    "localization_demo_mapping": "deep_localization.demo.mapping_demo",
    "localization_map": "deep_localization.place_building.command",
    "apartment_record": "localization_sim.commands.record",
    "worlds_generate": "localization_sim.commands.generate_worlds",
    "worlds_difficulty": "localization_common.datasets.world_difficulty",
    "recording_check": "localization_common.recording_check.command",
    "sequence_to_bag": "localization_common.datasets.rosbag2_writer",
}
FULL = OSError(28, "No space left on device", "/data/x")
ENDS = [
    (ConfigError("output: is wrong"), 2, "output: is wrong"),
    (FULL, 2, "/data/x: cannot be read or written (No space left on device)"),
    (KeyboardInterrupt(), 130, "interrupted"),
]


def drive(count: int = 4) -> Sequence:
    """Return frames of noise on a straight way."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, 24, 32, 3), dtype=np.uint8)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(count)
    camera = Camera.from_field_of_view(32, 24, 90.0)
    return Sequence("made", camera, np.arange(count), 10**8 * np.arange(1, count + 1), poses, lambda i: pictures[i])


def ended(command: str, *words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line of a command that ends with the exit code of wrong use."""
    monkeypatch.setattr("sys.argv", [command, *words])
    with pytest.raises(SystemExit) as end:
        importlib.import_module(COMMANDS[command]).main()
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error.splitlines()[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_ends_in_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(COMMANDS[command]).main
    for error, code, text in ENDS:

        def stop(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        monkeypatch.setattr("tyro.cli", stop)
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == code
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{command}: {text}")


def test_commands_that_are_tested_are_all_that_take_options() -> None:
    text = (Path(__file__).parents[2] / "setup.py").read_text(encoding="utf-8")
    named = {line.split('"')[1].split(" = ")[0] for line in text.splitlines() if ":main" in line}
    assert named | {"localization_map"} == set(COMMANDS)


@dataclass(frozen=True)
class Options:
    """Options of a test.

    Attributes:
        source: what is read.
        output: what is written.
        title: any text.
    """

    source: Path
    output: Path
    title: str = ""


def test_home_folder_is_replaced_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    read = command_line.options_of(Options, arguments=["--source=~/a", "--output", "~/b", "--title=a~b"])
    assert read == Options(Path("/home/someone/a"), Path("/home/someone/b"), "a~b")


@pytest.mark.parametrize("command", ["evaluate_bag", "recording_check", "apartment_record", "worlds_generate"])
def test_folders_that_cannot_be_written_are_refused_first(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    named = {"apartment_record": [], "worlds_generate": ["mazes"]}.get(command, ["nowhere"])
    for output in ("/proc/xx", str(tmp_path / "file"), str(tmp_path / "file" / "in")):
        line = ended(command, *named, "--output", output, monkeypatch=monkeypatch, capsys=capsys)
        assert line.startswith(f"{command}: {output}: ")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("vlocnet_build_keyframes", ["--sequences", "nowhere"]),
        ("dmn_build_map", ["nowhere"]),
        ("vlocnet_evaluate", ["--checkpoint", "nowhere", "--sequences", "nowhere"]),
        ("dmn_evaluate_worlds", ["nowhere", "--checkpoint", "nowhere"]),
        ("vlocnet_export", ["nowhere"]),
        ("vlocnet_systems", []),
    ],
)
def test_files_that_cannot_be_written_are_refused_first(
    command: str,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for output, reason in ((Path("/proc/xx/y"), "cannot be written"), (tmp_path, "is a folder")):
        line = ended(command, *words, "--output", str(output), monkeypatch=monkeypatch, capsys=capsys)
        assert line.startswith(f"{command}: {output.parent if output != tmp_path else output}: {reason}"), line
    assert list(tmp_path.iterdir()) == []


def test_the_test_of_a_folder_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate_bag", "nowhere", "--output", str(tmp_path / "a" / "b")])
    with pytest.raises(SystemExit, match="neither a checkpoint"):
        importlib.import_module(COMMANDS["evaluate_bag"]).main()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_full_disk_is_named_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sequence(drive(), tmp_path / "bag")
    words = (str(tmp_path / "bag"), "--json", "/dev/full")
    line = ended("recording_check", *words, monkeypatch=monkeypatch, capsys=capsys)
    assert line == "recording_check: /dev/full: cannot be written (No space left on device)"
    monkeypatch.setattr("vlocnet_ros.commands.complexity.sizes", lambda config: {})
    line = ended("vlocnet_systems", "--output", "/dev/full", monkeypatch=monkeypatch, capsys=capsys)
    assert line == "vlocnet_systems: /dev/full: cannot be written (No space left on device)"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_that_is_not_finished_is_removed(
    error: BaseException,
    storage: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_sequence(drive(), tmp_path / "source")
    words = ["sequence_to_bag", str(tmp_path / "source"), str(tmp_path / "copy"), "--storage", storage]
    monkeypatch.setattr("sys.argv", words)
    main = importlib.import_module(COMMANDS["sequence_to_bag"]).main
    with monkeypatch.context() as broken:

        def refuse(*_: Any, **__: Any) -> None:
            raise error

        broken.setattr(BagWriter, "write_frame", refuse)
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert not (tmp_path / "copy").exists()
    main()
    assert "4 frames of source" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="remove it or choose another name"):
        main()
    assert (tmp_path / "copy" / "metadata.yaml").exists()
