from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localization_common.files import trajectory_files

pytest.importorskip("rclpy", reason="no ROS 2: the demonstration runs both nodes")

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def descendants(pid: int) -> set[int]:
    """Process ids of all running descendants of a process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, tail = path.read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if tail.split()[0] != "Z":
            parents[int(head.split()[0])] = int(tail.split()[1])
    found, waiting = set(), [pid]
    while waiting:
        parent = waiting.pop()
        children = {child for child, of in parents.items() if of == parent}
        found |= children
        waiting += children
    return found


def command(models, output: Path, *more: str) -> list[str]:
    files = ["--vlocnet", models.vlocnet, "--dmn", models.dmn, "--map", models.map]
    drive = ["--duration", "3", "--starts", "2", "--width", "160", "--height", "120"]
    arguments = [*files, *drive, "--output", output, *more]
    return [sys.executable, "-m", "deep_localization.demo.demo", *map(str, arguments)]


@pytest.fixture
def started(tiny_models, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Demonstration whose nodes are ready, and whose simulator is starting."""
    process = subprocess.Popen(
        command(tiny_models, tmp_path / "demo"),
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background ignores it, and children inherit this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "starting the simulator" in line:
            break
    yield process
    process.kill()
    process.communicate()


def test_demo_drives_scores_and_ends(tiny_models, tmp_path: Path) -> None:
    output = tmp_path / "demo"
    done = subprocess.run(
        command(tiny_models, output), cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    values = json.loads((output / "metrics.json").read_text())
    assert set(values) == {"pose", "odometry", "segmentation", "belief", "runtime"}
    frames = values["runtime"]["frames_in"]
    assert frames == 16  # 3 s at 5 Hz, both ends
    # A busy computer may drop some, but none is lost in transport, which is in the output.
    assert 0 < values["runtime"]["frames_processed"] <= frames - values["runtime"]["frames_dropped"]
    assert values["runtime"]["frames_processed"] <= values["pose"]["frames"] <= frames
    assert values["pose"]["median_m"] > 0.0
    assert values["segmentation"]["miou"] is not None
    assert values["belief"]["success_rate"] in (0.0, 0.5, 1.0)
    assert values["runtime"]["latency_ms_p50"] > 0.0
    for name in ("report.html", "trajectory.png", "beliefs.png", "sample_frames.png", "result.json"):
        assert (output / name).stat().st_size > 500, name
    stamps = trajectory_files.read_tum(output / "ground_truth.tum").stamps
    assert len(stamps) == 16
    assert "frames lost in transport: 0 of 16" in done.stdout
    assert "position error, median" in done.stdout


def test_demo_refines_against_the_shipped_keyframe_map(tmp_path: Path) -> None:
    words = ["--keyframe-map", "models/apartment_keyframes.safetensors", "--duration", "5", "--starts", "0"]
    arguments = [sys.executable, "-m", "deep_localization.demo.demo", *words, "--output", str(tmp_path)]
    done = subprocess.run(arguments, cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pose = json.loads((tmp_path / "metrics.json").read_text())["pose"]
    assert pose["frames"] >= 1
    assert "poses refined against a keyframe map" in (tmp_path / "report.html").read_text()
    if pose["frames"] < 10:
        pytest.skip(f"the machine is too busy for the demo: {pose['frames']} poses of 26 frames")
    assert pose["median_m"] < 0.01  # the network alone: some 4 cm
    assert pose["median_deg"] < 0.3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_whole_process_tree(started: subprocess.Popen[str], number: signal.Signals) -> None:
    children = descendants(started.pid)
    assert len(children) >= 3  # two nodes and the simulator
    started.send_signal(number)
    started.communicate(timeout=60)
    assert started.returncode == 128 + number
    assert not {pid for pid in children if Path(f"/proc/{pid}").exists()}


def test_a_node_that_dies_ends_the_whole_process_tree(started: subprocess.Popen[str]) -> None:
    children = descendants(started.pid)
    arguments = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
    os.kill(next(pid for pid, text in arguments.items() if "dmn_ros.node" in text), signal.SIGKILL)
    _, error = started.communicate(timeout=100)
    assert started.returncode == 1
    assert "dmn ended with exit status -9" in error
    assert not {pid for pid in children if Path(f"/proc/{pid}").exists()}


def test_missing_files_are_named(tmp_path: Path, tiny_models) -> None:
    done = subprocess.run(
        command(tiny_models, tmp_path, "--vlocnet", "models/nothing.safetensors"),
        cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "models/nothing.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
