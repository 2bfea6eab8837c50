"""Test of ros2's commands by hand: run, lifecycle, param dump and load, service call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from launch_process import ROS2
from waiting import wait_until

pytest.importorskip("ros2lifecycle", reason="ros2cli is not installed: its commands are tested with ROS 2's own tools")

pytestmark = pytest.mark.timeout(280)


def ros2(*words: str) -> str:
    """Run a command of ros2 without its daemon; return what it prints.

    Raises:
        AssertionError: it fails; the message has its output.
    """
    command = [sys.executable, "-c", ROS2, *words]
    for _ in range(3):  # on a busy computer, the time that it spins can be too short to discover the node
        done = subprocess.run(command, capture_output=True, text=True, timeout=120.0, check=False)
        if "Node not found" not in done.stderr + done.stdout:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class RunningNode:
    """Node that `ros2 run` started, in a session of its own; killed at the end of the block if it still runs."""

    def __init__(self, log: Path, *words: str) -> None:
        self._log = log
        with log.open("w") as file:
            command = [sys.executable, "-c", ROS2, "run", "deep_localization", *words]
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self) -> RunningNode:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def state(self) -> str:
        """Label of the lifecycle state; empty while the node starts."""
        try:
            return ros2("lifecycle", "get", "--no-daemon", "--spin-time", "2", "/vlocnet").split(" ")[0].strip()
        except AssertionError:
            return ""

    def end(self) -> str:
        """End it as Ctrl-C does; return what it printed."""
        os.killpg(self._process.pid, signal.SIGINT)
        self._process.wait(60.0)
        return self._log.read_text()


@pytest.fixture
def arguments(ros_domain: int, models: Path) -> list[str]:
    """Arguments of a vlocnet node with a tiny network that nobody has configured."""
    checkpoint = models / "vlocnet.safetensors"
    return ["vlocnet", "--ros-args", "-p", f"checkpoint:={checkpoint}", "-p", "autostart:=false"]


def test_a_node_by_hand(arguments: list[str], tmp_path: Path) -> None:
    with RunningNode(tmp_path / "first.log", *arguments, "-p", "tf_mode:=map_base") as node:
        assert wait_until(lambda: node.state() == "unconfigured", 120.0)
        for transition, state in (("configure", "inactive"), ("activate", "active")):
            assert "successful" in ros2("lifecycle", "set", "--no-daemon", "--spin-time", "2", "/vlocnet", transition)
            assert node.state() == state
        dumped = ros2("param", "dump", "--no-daemon", "--spin-time", "2", "/vlocnet")
        assert yaml.safe_load(dumped)["/vlocnet"]["ros__parameters"]["tf_mode"] == "map_base"
        assert "success=True" in ros2("service", "call", "/vlocnet/reset", "std_srvs/srv/Trigger")
        (tmp_path / "dumped.yaml").write_text(dumped)
        assert "Traceback" not in node.end()

    with RunningNode(
        tmp_path / "second.log", "vlocnet", "--ros-args", "--params-file", f"{tmp_path}/dumped.yaml"
    ) as again:
        assert wait_until(lambda: again.state() == "unconfigured", 120.0)  # autostart is false in the file
        changed = tmp_path / "changed.yaml"
        changed.write_text(dumped.replace("tf_mode: map_base", "tf_mode: none"))
        ros2("param", "load", "--no-daemon", "--spin-time", "2", "/vlocnet", str(changed))
        assert ros2("param", "get", "--no-daemon", "--spin-time", "2", "/vlocnet", "tf_mode").strip().endswith("none")
        assert "Traceback" not in again.end()
