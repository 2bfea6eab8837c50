"""Tests of node processes under a lifecycle manager as Nav2's: lost and started again, and many cycles."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bond.msg", reason="package bond is not installed: make setup, or Nav2, brings it")

from bond_fixtures import MakeManager, make_manager
from robot_stage import Stage
from waiting import wait_until

from deep_localization.evaluation.processes import PROFILE_VARIABLES
from dmn_ros.node import DmnNode

__all__ = ["make_manager"]
REPOSITORY = Path(__file__).resolve().parents[2]
#: Variables of a robot's processes: a killed one leaves the ROS graph soon.
ROBOT = dict.fromkeys(PROFILE_VARIABLES, str(REPOSITORY / "config" / "fastdds_robot.xml"))
#: 100 cycles: LIFECYCLE_CYCLES=100 python -m pytest test/ros/test_lifecycle_manager.py -k cycles -s
CYCLES = int(os.environ.get("LIFECYCLE_CYCLES", "5"))
SETTLED = 2  # cycles until libraries have allocated what they keep

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(models: Path) -> Iterator[Start]:
    """Starts a node process that waits for a manager; kills what is left of it."""
    started: list[subprocess.Popen[str]] = []

    def begin(module: str) -> subprocess.Popen[str]:
        arguments = ["-p", "autostart:=false", "-p", f"dmn:map_path:={models / 'map.safetensors'}"]
        for name in ("vlocnet", "dmn"):
            arguments += ["-p", f"{name}:checkpoint:={models / name}.safetensors"]
        command = [sys.executable, "-m", module, "--ros-args", *arguments]
        started.append(subprocess.Popen(command, cwd=REPOSITORY, env=dict(os.environ) | ROBOT, text=True))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def reachable(stage: Stage, name: str) -> bool:
    return stage.client(name).state(120.0) == "unconfigured"


def test_a_killed_process_is_noticed_in_time_and_taken_back_when_it_returns(
    stage: Stage, make_manager: MakeManager, start: Start
) -> None:
    process = start("vlocnet_ros.node")
    dmn = stage.start(DmnNode, active=False, autostart=False)
    assert reachable(stage, "vlocnet")
    manager = make_manager("vlocnet", "dmn")
    assert manager.startup()

    killed = time.monotonic()
    process.kill()
    assert manager.failed.wait(20.0)
    noticed = time.monotonic() - killed
    print(f"noticed after {noticed:.2f} s")
    assert noticed < 4.0 + 1.0, "bond_timeout, one heartbeat, and one look of the manager"
    assert manager.failures[0] == "vlocnet is down"

    start("vlocnet_ros.node")
    assert wait_until(lambda: not dmn.configured, 60.0), manager.failures  # the other node is brought down, too
    assert manager.active.wait(90.0), manager.failures
    assert dmn.active
    assert all(end.wait_until_formed(0.0) for end in manager.bonds.values())


def test_cycles_under_a_manager_leave_nothing_behind(stage: Stage, make_manager: MakeManager, start: Start) -> None:
    process = start("deep_localization.node")
    manager = make_manager("vlocnet", "dmn")
    assert reachable(stage, "dmn")
    after: list[dict[str, int]] = []
    for cycle in range(CYCLES):
        assert manager.startup(), (cycle, manager.failures)
        assert manager.reset(), (cycle, manager.failures)
        after.append(_resources(stage, process.pid))
    print(f"after {SETTLED} cycles: {after[SETTLED - 1]}\nafter {CYCLES} cycles: {after[-1]}")
    settled, last = after[SETTLED - 1], after[-1]
    grown = last.pop("memory_kb") - settled.pop("memory_kb")
    assert last == settled
    assert grown < 2_000 + 50 * CYCLES
    assert manager.failures == []


def _resources(stage: Stage, pid: int) -> dict[str, int]:
    """Measure what the process holds: memory, threads, files, and what other nodes see of its nodes."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    watcher = stage.robot.node

    def endpoints(method: Any) -> int:
        return sum(len(method(name, "/")) for name in ("vlocnet", "dmn"))

    return {
        "memory_kb": int(status["VmRSS"].split()[0]),
        "threads": int(status["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "publishers": endpoints(watcher.get_publisher_names_and_types_by_node),
        "subscriptions": endpoints(watcher.get_subscriber_names_and_types_by_node),
    }
