"""Tests of the scripts of examples/, as a reader runs them, on a short drive in the apartment."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from localization_common.datasets.opening import open_sequence
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.files.trajectory_files import read_tum

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FRAMES = 10


@pytest.fixture(scope="module")
def recording(apartment_drive: Sequence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("examples") / "drive"
    write_sequence(apartment_drive.select(np.arange(FRAMES)), path)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a script with arguments; return the lines that it prints."""

    def script(name: str, *arguments: object) -> list[str]:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return script


def true_errors(lines: list[str]) -> list[float]:
    return [float(found[1]) for line in lines if (found := re.search(r"true error ([\d.]+) m", line))]


def test_a_recording_is_read_and_exported(run, recording: Path, tmp_path: Path) -> None:
    lines = run("read_recording.py", recording, "--tum", tmp_path / "path.tum", "--plot", tmp_path / "path.png")
    assert f"{FRAMES} images, {FRAMES} of them with a true pose" in lines
    exported, truth = read_tum(tmp_path / "path.tum"), open_sequence(recording)
    np.testing.assert_array_equal(exported.stamps, truth.stamps)
    np.testing.assert_allclose(exported.poses, truth.map_T_base, atol=1e-6)
    assert (tmp_path / "path.png").read_bytes().startswith(b"\x89PNG")


def test_images_are_localized_by_vlocnet(run, recording: Path) -> None:
    errors = true_errors(run("localize_images.py", recording))
    assert len(errors) == FRAMES
    assert max(errors) < 0.1
    assert len(run("localize_images.py", recording, "--frames", "0-2")) == 3


def test_a_robot_is_tracked_by_dmn(run, recording: Path) -> None:
    lines = run("track_with_dmn.py", recording)
    errors = true_errors(lines)
    assert len(errors) == FRAMES
    assert lines[-1].endswith(", localized")
    assert errors[-1] < 0.5


def test_each_example_is_tested_and_short() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert [script.name for script in scripts] == ["localize_images.py", "read_recording.py", "track_with_dmn.py"]
    for script in scripts:
        assert len(script.read_text().splitlines()) < 60, script.name
