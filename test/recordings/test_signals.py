"""Signals: Ctrl-C and SIGTERM at any moment, once or twice, end a node soon and without errors."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
START = "from deep_localization import starting; print('started', flush=True); raise SystemExit(starting.{}())"
#: Seconds until the last signal comes: during import, loading and work.
MOMENTS = (0.2, 1.5, 3.0, 6.0)


@pytest.fixture
def started(ros_domain: int, models: Path, request: pytest.FixtureRequest) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of one node, one for each of the moments."""
    parameters = {"dmn:map_path": models / "map.safetensors"}
    parameters |= {f"{name}:checkpoint": models / f"{name}.safetensors" for name in ("vlocnet", "dmn")}
    arguments = ["--ros-args", *(part for name, value in parameters.items() for part in ("-p", f"{name}:={value}"))]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", START.format(request.param), *arguments],
            cwd=REPOSITORY, env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for _ in MOMENTS
    ]  # fmt: skip
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("started", ["localization", "apartment_camera"], indirect=True)
def test_signals_at_any_moment_end_a_node_quietly(started: list[subprocess.Popen[str]]) -> None:
    choices = random.Random(0)
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
    begun = time.monotonic()
    for process, moment in zip(started, MOMENTS, strict=True):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, begun + moment - time.monotonic()))
        process.send_signal(choices.choice([signal.SIGINT, signal.SIGTERM]))
        if choices.random() < 0.5:
            process.send_signal(signal.SIGINT)
    for process in started:
        output, _ = process.communicate(timeout=20.0)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        assert "Exception" not in output
