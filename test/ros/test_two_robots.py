"""Test of two robots in one ROS domain and one place, with a process for each of their nodes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bond.msg", reason="package bond is not installed: make setup, or Nav2, brings it")

from fleet import CONFIRMED, FRAMES, NODES, TF, FleetRobot, drive_all, place_of_both, robots_in
from fleet_checks import assert_own_diagnostics, assert_own_names, assert_own_poses, assert_saved, metres_off
from lifecycle_manager import LifecycleManager
from rclpy.context import Context
from rclpy.node import Node
from std_srvs.srv import Empty

from deep_localization.evaluation.processes import Processes
from localization_common.geometry import se3
from localization_common.place import Place
from localization_common.ros.lifecycle_client import call
from localization_common.ros.spinning import spinning

#: Remaps of launch/localization.launch.py.
LAUNCHED = {"vlocnet": ["-r", "guess:=dmn/pose"], "dmn": ["-r", "proposal:=vlocnet/pose"]}


def start(processes: Processes, robot: FleetRobot, place: Place, parameters: Path) -> None:
    """Start both nodes of a robot as examples/nav2 does: they wait for a manager."""
    given = ["--params-file", str(parameters), "-p", f"place:={place.path}", "-p", "autostart:=false"]
    for node in NODES:
        arguments = ["--ros-args", "-r", f"__ns:=/{robot.name}", *TF, *LAUNCHED[node], *given]
        processes.start(f"{robot.name}_{node}", ["-m", f"{node}_ros.node", *arguments])


@contextmanager
def manager_of(robot: FleetRobot) -> Iterator[LifecycleManager]:
    """Lifecycle manager in the namespace of a robot."""
    node = Node("lifecycle_manager", namespace=robot.name, context=robot.node.context)
    with spinning(node):
        manager = LifecycleManager(node, NODES, respawn=False)
        try:
            yield manager
        finally:
            manager.close()
    node.destroy_node()


@pytest.mark.slow
def test_two_robots_share_nothing(context: Context, models: Path, tmp_path: Path) -> None:
    with robots_in(context) as robots, Processes(tmp_path / "logs", os.environ, grace=30.0) as processes:
        place = place_of_both(robots, models, tmp_path / "home")
        for robot in robots:
            start(processes, robot, place, robot.write_parameters(tmp_path / f"{robot.name}.yaml"))
        first, second = robots
        with manager_of(first) as manager, manager_of(second) as other:
            assert manager.startup(), manager.failures
            assert other.startup(), other.failures
            for robot in robots:
                robot.await_nodes()
            drive_all(robots, range(FRAMES))
            for robot in robots:
                assert_own_poses(robot, range(CONFIRMED, FRAMES))
            assert_own_names(robots)
            assert_own_diagnostics(robots, FRAMES)
            assert_an_initial_pose_is_of_one_robot(first, second)
            # One node of one robot ends: only this robot's manager notices it.
            os.kill(processes.pids["robot1_dmn"], signal.SIGINT)
            assert manager.failed.wait(20.0)
            assert manager.failures[0] == "dmn is down"
            drive_all([second], range(FRAMES + 1, FRAMES + 2))
            assert_own_poses(second, range(FRAMES, FRAMES + 2))
            assert other.active.is_set()
            assert other.failures == []
            assert max(gap for bond in other.bonds.values() for gap in bond.gaps()) < 2.0
        processes.stop()
        assert_saved(robots, place)


def assert_an_initial_pose_is_of_one_robot(first: FleetRobot, second: FleetRobot) -> None:
    """Check that a pose for one robot moves its belief, and nothing of the other robot."""
    aside = se3.exp(np.array([0.0, 1.0, 0.0, 0.0, 0.0, 0.0]))
    first.robot.send_initial_pose(aside @ first.queries.map_T_base[FRAMES])
    service = first.node.create_client(Empty, "request_nomotion_update")
    call(service, Empty.Request())  # its response comes after the pose has arrived
    drive_all([first, second], range(FRAMES, FRAMES + 1))
    now = range(FRAMES, FRAMES + 1)
    assert metres_off(first, "dmn/pose", now)[0] == pytest.approx(1.0, abs=0.2)
    assert metres_off(first, "vlocnet/pose", now)[0] < 0.1
    assert_own_poses(second, now)
