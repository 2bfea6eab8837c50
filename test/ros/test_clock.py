"""Tests of a clock that jumps back: a bag that loops, with and without simulated time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from robot_stage import Stage
from rosgraph_msgs.msg import Clock
from stage_robot import BASE_T_CAMERA, CAMERA, FIRST, PERIOD, SECOND, textured
from waiting import wait_until

from dmn_ros.node import DmnNode
from localization_common.geometry import se3
from localization_common.ros.conversions import time_from_stamp
from localization_common.ros.tf_buffer import TransformError
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.localizer import Localizer


def test_images_that_go_back_clear_the_frame_pair(stage: Stage, models: Path) -> None:
    node = stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    for i in (15, 16):
        stage.robot.await_processed("vlocnet", stage.robot.send(i))
    before = stage.robot.recorder.of("vlocnet/odometry")[-1].matrix
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    assert node.monitor.jumps == 0  # one image alone is not a jump
    again = stage.robot.send(1)
    stage.robot.await_processed("vlocnet", again)
    first_again = stage.robot.recorder.by_stamp("vlocnet/odometry")[again].matrix
    np.testing.assert_allclose(first_again, before, atol=1e-12)  # no pair across the jump: the odometry stays
    last = stage.robot.send(2)
    stage.robot.await_processed("vlocnet", last)
    localizer = Localizer.from_checkpoint(models / "vlocnet.safetensors")
    localizer.set_camera(CAMERA)
    localizer.step(textured(1), FIRST + PERIOD)
    motion = localizer.step(textured(2), FIRST + 2 * PERIOD).previous_T_camera
    assert motion is not None
    expected = before @ BASE_T_CAMERA @ motion @ se3.inverse(BASE_T_CAMERA)
    np.testing.assert_allclose(stage.robot.recorder.by_stamp("vlocnet/odometry")[last].matrix, expected, atol=1e-6)
    assert node.monitor.jumps == 1
    assert stage.status_now("vlocnet").values["clock jumps"] == "1"


def test_a_jump_clears_moving_transforms_but_not_the_mount(stage: Stage) -> None:
    node = stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST + 16 * PERIOD)
    stage.robot.await_processed("vlocnet", stage.robot.send(16))
    assert wait_until(lambda: node.transforms.connected("odom", "base_link"))
    for i in range(2):
        stage.robot.await_processed("vlocnet", stage.robot.send(i))
    assert not node.transforms.connected("odom", "base_link")
    np.testing.assert_allclose(
        node.transforms.lookup("base_link", "camera_optical_frame", FIRST, 0.0), BASE_T_CAMERA, atol=1e-12
    )


def test_a_bag_that_loops_resets_the_belief_and_the_odometry(stage: Stage) -> None:
    node = stage.start(DmnNode, process_all=True, set_initial_pose=True, initial_pose__x=1.0, initial_pose__std_d=0.01)
    for i in range(20, 30):
        stage.robot.await_processed("dmn", stage.robot.send(i))
    narrow = node.belief.spread
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.belief.stamp == FIRST + 29 * PERIOD  # the first image of the new time waits for the second
    for i in (1, 2):
        stage.robot.await_processed("dmn", stage.robot.send(i))
    assert node.belief.stamp == FIRST + 2 * PERIOD
    assert narrow < 0.5 < 1.0 < node.belief.spread  # anywhere: initial_pose was where the robot was started
    assert node.monitor.refused == 1
    assert node.monitor.jumps == 1


def test_ros_time_that_goes_back_is_noticed_before_the_next_image(stage: Stage) -> None:
    node = stage.start(VlocnetNode, process_all=True, use_sim_time=True)
    stage.robot.mount_camera()
    clock = stage.robot.node.create_publisher(Clock, "/clock", 10)
    assert wait_until(lambda: clock.get_subscription_count() > 0)
    clock.publish(Clock(clock=time_from_stamp(FIRST + 10 * SECOND)))
    stage.robot.await_processed("vlocnet", stage.robot.send(50))
    clock.publish(Clock(clock=time_from_stamp(FIRST)))
    assert wait_until(lambda: node.monitor.jumps == 1)
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    assert node.monitor.jumps == 1  # the image shows the same jump, which is counted once
    assert node.monitor.refused == 0


def test_own_tf_takes_new_transforms_after_a_jump(stage: Stage) -> None:
    node = stage.start(VlocnetNode, process_all=True)
    transforms = node.transforms
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST + 100 * SECOND)
    assert wait_until(lambda: transforms.connected("odom", "base_link"))
    transforms.clear()
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST)
    assert wait_until(lambda: transforms.connected("odom", "base_link"))
    np.testing.assert_allclose(transforms.lookup("odom", "base_link", FIRST, 1.0), np.eye(4))
    with pytest.raises(TransformError, match=r"ends 100\.000 s before"):
        transforms.lookup("odom", "base_link", FIRST + 100 * SECOND, 0.0)
