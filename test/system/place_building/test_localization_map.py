"""Tests of ``localization_map`` as a process: drives through a painted room become places."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from made_room import ROOM, circle, errors, odometry
from painted_room import drive

from dmn_ros.map.context_map import ContextMap
from localization_common.camera import Camera
from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.files.trajectory_files import read_tum
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.place import Place
from localization_mapping.occupancy.grid import FREE
from localization_mapping.occupancy.map_files import read_map_files

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[3]
WIDE = Camera.from_field_of_view(240, 180, 92.0)  # the shipped network needs 90 degrees
PATH = circle(24, turns=0.5)
ODOMETRY = odometry(PATH, metres=0.01, degrees=0.5, turning=1.02)


def command(recording: Path, output: Path) -> list[str]:
    options = ["--mapping.features", "300", "--mapping.overlapping", "6", "--runtime-features", "300"]
    module = [sys.executable, "-m", "deep_localization.place_building.command"]
    return [*module, str(recording), "--output", str(output), *options]


def started(recording: Path, output: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(recording, output), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def killed_after(stage: str, recording: Path, output: Path) -> None:
    """Build a place in a process that is killed when it has finished a stage."""
    with started(recording, output) as process:
        assert process.stderr is not None
        assert any(stage in line for line in process.stderr), f"{stage} did not end"
        process.kill()
    assert process.returncode == -signal.SIGKILL


@dataclass(frozen=True)
class Built:
    """Place that a process built from monday's drive, with the output of that process."""

    place: Place
    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the recordings ``seen/monday`` and, without true poses, ``hidden/monday``."""
    path = tmp_path_factory.mktemp("drives")
    for name, truth in (("seen", True), ("hidden", False)):
        write_sequence(drive(PATH, ODOMETRY, truth=truth, depth=True, camera=WIDE), path / name / "monday")
    return path


@pytest.fixture(scope="module")
def built(folder: Path) -> Built:
    output = folder / "kitchen"
    run = subprocess.run(command(folder / "seen" / "monday", output), cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return Built(Place.open(output), run.stdout, run.stderr)


def test_place_has_all_parts(built: Built) -> None:
    place = built.place
    (described,) = place.description.drives
    assert (described.name, described.frames, described.located) == ("monday", 24, 24)
    assert described.camera == WIDE
    assert place.description.scale.metric
    assert "odometry" in place.description.scale.source
    assert {path.name for path in place.path.iterdir()} >= {
        *("place.yaml", "poses", "keyframes.safetensors", "context_map.safetensors"),
        *("occupancy.pgm", "occupancy.yaml", "report.html"),
    }
    assert [path.name for path in place.path.parent.iterdir() if path.name.startswith(".")] == []
    assert "report.html" in built.out
    assert f"{place.path}: ready after" in built.out


def test_report_is_a_page_about_the_place(built: Built) -> None:
    page = built.place.file("report").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "kitchen" in page
    assert "wheel odometry" in page


def test_poses_are_right(built: Built) -> None:
    found = read_tum(built.place.poses("monday"))
    true = np.linalg.inv(PATH[0]) @ PATH
    metres, degrees = errors(found.poses, true)
    assert np.median(metres) < 0.06
    assert np.median(degrees) < 0.5
    before = errors(ODOMETRY, true)
    assert np.median(degrees) < 0.5 * np.median(before[1])


def test_keyframe_map_loads(built: Built) -> None:
    keyframes = KeyframeMap.load(built.place.file("keyframes"))
    points = np.asarray(keyframes.points, dtype=np.float64)
    room = points @ PATH[0, :3, :3].T + PATH[0, :3, 3] - [0.0, 0.0, ROOM[2] / 2.0]
    assert np.median(np.abs(np.abs(room) - ROOM / 2.0).min(axis=1)) < 0.08
    assert keyframes.features == 300
    assert keyframes.card["data"] == ["monday"]


def test_context_map_loads(built: Built) -> None:
    context = ContextMap.load(built.place.file("context_map"))
    away = np.linalg.norm(np.asarray(context.poses)[:, None, :2] - true_positions()[None], axis=2).min(axis=1)
    assert len(away) >= 3
    assert away.max() < 0.15  # metres from the nearest frame


def test_driven_cells_are_free_and_walls_are_not(built: Built) -> None:
    grid = read_map_files(built.place.file("occupancy"))
    assert (grid.at(true_positions()) == FREE).all()
    room = grid.area.centres()[grid.free] @ PATH[0, :2, :2].T + PATH[0, :2, 3]
    assert (np.abs(room) < ROOM[:2] / 2.0 + 0.1).all()
    walls = grid.area.centres()[grid.occupied] @ PATH[0, :2, :2].T + PATH[0, :2, 3]
    assert len(walls) > 50
    assert np.quantile(np.abs(np.abs(walls) - ROOM[:2] / 2.0).min(axis=1), 0.95) < 0.15


def test_kill_leaves_the_old_place_and_the_next_run_goes_on(folder: Path, built: Built) -> None:
    """The second place is made without true poses and must have the same content: they are not used."""
    output = folder / "again" / "kitchen"
    shutil.copytree(built.place.path, output)
    recording = folder / "hidden" / "monday"
    for stage in ("loop closures", "keyframe map"):
        killed_after(stage, recording, output)
        assert Place.open(output).description == built.place.description
    run = subprocess.run(command(recording, output), cwd=REPOSITORY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not any(stage in run.stderr for stage in ("sharpness:", "features:", "loop closures:", "matching:"))
    place = Place.open(output)
    assert place.description.map_id != built.place.description.map_id
    assert [path.name for path in output.parent.iterdir()] == ["kitchen"]
    np.testing.assert_allclose(
        read_tum(place.poses("monday")).poses, read_tum(built.place.poses("monday")).poses, atol=1e-6
    )
    for part in ("keyframes", "features", "context_map", "occupancy"):
        assert content(place.file(part)) == content(built.place.file(part)), part  # type: ignore[arg-type]


@pytest.fixture
def refused(tmp_path: Path, folder: Path) -> dict[str, tuple[Path, Path, str]]:
    """Recording, output and message of runs that are refused."""
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "letter.txt").write_text("no frames")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    monday, fresh = folder / "seen" / "monday", tmp_path / "fresh"
    return {
        "no recording": (tmp_path / "text", fresh, str(tmp_path / "text")),
        "no such path": (tmp_path / "nowhere", fresh, "nowhere"),
        "output is no place": (monday, tmp_path / "photos", "is no place"),
    }


def test_errors_are_one_line(tmp_path: Path, refused: dict[str, tuple[Path, Path, str]]) -> None:
    processes = {case: (started(*paths), message) for case, (*paths, message) in refused.items()}
    for case, (process, message) in processes.items():
        err = process.communicate()[1]
        assert process.returncode == 2, (case, err)
        *before, last = err.splitlines()
        assert last.startswith("localization_map: "), (case, err)
        assert message in last, (case, err)
        assert "Traceback" not in err
        assert not any(line.startswith("localization_map") for line in before)
    assert not (tmp_path / "fresh").exists()
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def true_positions() -> np.ndarray:
    """Return the true x and y (24, 2) of the base in the map."""
    return np.asarray((np.linalg.inv(PATH[0]) @ PATH)[:, :2, 3])


def content(path: Path) -> bytes:
    """Return the content of a file; of a safetensors file, the tensors without its header."""
    data = path.read_bytes()
    if path.suffix != ".safetensors":
        return data
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    return data[8 + length :] + repr(sorted(header.keys())).encode()
