"""map -> odom of a live node: when it is sent, when it is not, and what is reported."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from robot_stage import Stage
from stage_robot import FIRST, PERIOD, SECOND
from waiting import wait_until

from localization_common.ros.lifecycle_client import ACTIVATE, DEACTIVATE
from vlocnet_ros.node import VlocnetNode


def start(stage: Stage, **values: object) -> VlocnetNode:
    """Start a vlocnet node of a robot with a camera, which sends map -> odom."""
    node: VlocnetNode = stage.start(VlocnetNode, process_all=True, **values)
    stage.robot.mount_camera()
    return node


def follow(stage: Stage, index: int, ahead: int = 0) -> None:
    """Let the node process an image, and the odometry's TF, stamped ``ahead`` nanoseconds after it."""
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST + index * PERIOD + ahead)
    stage.robot.await_processed("vlocnet", stage.robot.send(index))


@pytest.mark.parametrize("seconds", [25, 40, 4000])
def test_odometry_with_another_clock_is_reported(stage: Stage, seconds: int) -> None:
    start(stage, transform_timeout=0.2)
    for i in range(4):
        follow(stage, i, ahead=seconds * SECOND)
    assert wait_until(lambda: "no map -> odom for" in stage.status_now("vlocnet").message)
    status = stage.status_now("vlocnet")
    assert ("different clocks" if seconds == 4000 else "begins") in status.message
    assert status.level == 1
    assert stage.robot.transforms_of("map") == []


def test_nothing_is_sent_after_deactivate(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deactivate while a frame is in work; it ends afterwards."""
    node = start(stage)
    follow(stage, 0)
    stage.robot.await_transform("map", "odom")
    begun, resumed, localizer = threading.Event(), threading.Event(), node._localizer
    assert localizer is not None
    begin = localizer.begin

    def slowly(*frame: object) -> object:
        begun.set()
        assert resumed.wait(20.0)
        return begin(*frame)

    monkeypatch.setattr(localizer, "begin", slowly)
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST + PERIOD)
    stage.robot.send(1)
    assert begun.wait(10.0)
    client = stage.client("vlocnet")
    assert client.change(DEACTIVATE)
    resumed.set()
    assert wait_until(lambda: node.monitor.processed == 2)
    assert len(stage.robot.transforms_of("map")) == 1
    assert client.change(ACTIVATE)
    follow(stage, 2)
    assert wait_until(lambda: len(stage.robot.transforms_of("map")) == 2)


@pytest.mark.parametrize("ended", ["tf_mode", "shutdown"])
def test_a_waiting_pose_is_not_sent_when_its_transform_comes_too_late(stage: Stage, ended: str) -> None:
    node = start(stage)
    follow(stage, 0)
    stage.robot.await_transform("map", "odom")
    stage.robot.await_processed("vlocnet", stage.robot.send(1))  # its odometry is not there yet
    if ended == "tf_mode":
        assert stage.parameters_set("vlocnet", tf_mode="none") == ""
    else:
        assert stage.client("vlocnet").change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST + PERIOD)
    assert wait_until(lambda: node.transforms.latest("odom", "base_link") == FIRST + PERIOD)
    assert len(stage.robot.transforms_of("map")) == 1
