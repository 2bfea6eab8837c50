"""Wrong stamps in live nodes: each costs its own image, and nothing else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from live_drive import send_image
from robot_stage import Stage
from sensor_msgs.msg import Image
from stage_robot import CAMERA, FIRST, PERIOD, SECOND, textured
from waiting import wait_until

from dmn_ros.node import DmnNode
from localization_common.ros.conversions import image_from_array
from localization_common.ros.outputs import header
from vlocnet_ros.node import VlocnetNode

HOUR = 3600 * SECOND
NODES = [pytest.param(VlocnetNode, id="vlocnet"), pytest.param(DmnNode, id="dmn")]


def start(stage: Stage, make: Any = DmnNode, **values: Any) -> Any:
    """Start a node that publishes a pose for every image, and does not wait for TF."""
    if make is DmnNode:
        values |= {"localized_share": 1e-9, "localized_images": 1, "odometry_timeout": 0.2}
    node = stage.start(make, process_all=True, tf_mode="none", **values)
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    return node


def await_all(stage: Stage, node: Any, frames: int) -> None:
    """Wait until the node has processed so many images."""
    topic = f"{node.get_name()}/processed"
    assert stage.robot.recorder.wait_for(lambda: stage.robot.recorder.count(topic) == frames, 20.0)


def black(stamp: int) -> Image:
    picture = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    return image_from_array(picture, "rgb8", header(stamp, "camera_optical_frame"))


def torn(stamp: int) -> Image:
    image = image_from_array(textured(3), "rgb8", header(stamp, "camera_optical_frame"))
    image.data = image.data[: len(image.data) // 2]
    return image


def good(stamp: int) -> Image:
    return image_from_array(textured(3), "rgb8", header(stamp, "camera_optical_frame"))


@pytest.mark.parametrize("make_node", NODES)
def test_pairs_that_are_swapped_cost_the_late_image_of_each(stage: Stage, make_node: Any) -> None:
    """Swap every eighth pair: a swap must not count as a jump of the clock, after which dmn starts again."""
    node = start(stage, make_node)
    order = list(range(32))
    for i in range(6, 32, 8):
        order[i], order[i + 1] = order[i + 1], order[i]
    for i in order:
        stage.robot.send(i)
    await_all(stage, node, 32)
    assert node.monitor.jumps == 0
    assert (node.monitor.processed, node.monitor.refused) == (28, 4)
    status = stage.status_now(node.get_name())
    assert "images on /image arrive out of order: one is 200 ms older than the one before" in status.message
    assert status.values["images out of order"] == "4"


@pytest.mark.parametrize("late", [5_000_000, 900_000_000], ids=["5 ms", "0.9 s"])
def test_a_late_image_is_no_jump_of_the_clock(stage: Stage, late: int) -> None:
    node = start(stage, set_initial_pose=True, initial_pose__x=1.0, initial_pose__std_d=0.05)
    for i in range(10):
        stage.robot.await_processed("dmn", stage.robot.send(i))
    before = node.belief
    stage.robot.images.publish(good(FIRST + 9 * PERIOD - late))
    stage.robot.await_processed("dmn", FIRST + 9 * PERIOD - late)
    assert node.belief is before
    stage.robot.await_processed("dmn", stage.robot.send(10))
    assert node.monitor.jumps == 0
    assert node.belief.spread < 1.0


@pytest.mark.parametrize("make_image", [black, torn, good])
@pytest.mark.parametrize("off", [-HOUR, 70 * SECOND, HOUR], ids=["hour back", "70 s ahead", "hour ahead"])
def test_one_image_with_a_wrong_stamp_changes_nothing(stage: Stage, make_image: Any, off: int) -> None:
    """Test usable images, too, and a bag, which has no ROS time for a comparison."""
    node = start(stage, set_initial_pose=True, initial_pose__x=1.0, initial_pose__std_d=0.05)
    start_at = FIRST + HOUR
    for i in range(3):
        stage.robot.await_processed("dmn", stage.robot.send(i, start=start_at))
    wrong = start_at + 2 * PERIOD + off
    stage.robot.images.publish(make_image(wrong))
    stage.robot.await_processed("dmn", wrong)
    for i in range(3, 6):
        stage.robot.await_processed("dmn", stage.robot.send(i, start=start_at))
    assert (node.monitor.jumps, node.monitor.processed, node.monitor.refused) == (0, 6, 1)
    assert node.belief.spread < 1.0
    assert wrong not in stage.robot.recorder.by_stamp("dmn/pose")


def test_two_unusable_images_of_another_time_are_no_jump_either(stage: Stage) -> None:
    node = start(stage)
    stage.robot.await_processed("dmn", stage.robot.send(100))
    for i in range(2):
        stage.robot.await_processed("dmn", stage.robot.send(i, black(FIRST + i * PERIOD), odometry=False))
    assert node.monitor.jumps == 0


def test_while_images_agree_with_ros_time_those_of_another_time_are_ignored(stage: Stage) -> None:
    """Add a second publisher with wrong stamps: two of its images come between those of the camera."""
    node = start(stage, VlocnetNode)
    stamps = [time.time_ns() - SECOND + i * PERIOD // 2 for i in range(8)]
    for i, stamp in enumerate(stamps):
        send_image(stage.robot, stamp, i)
        for other in (3 * i + 1, 3 * i + 2):
            send_image(stage.robot, 1000 * SECOND + other, i)
    await_all(stage, node, 24)
    assert (node.monitor.jumps, node.monitor.processed, node.monitor.refused) == (0, 8, 16)
    assert sorted(stage.robot.recorder.by_stamp("vlocnet/pose")) == stamps


@pytest.mark.parametrize("make_node", NODES)
def test_wrong_stamps_of_the_last_minute_are_no_jump_while_right_ones_come(stage: Stage, make_node: Any) -> None:
    """Stamp two images between right ones 40 s and 1.1 s too early: the second is near the first, and near ROS time."""
    node = start(stage, make_node)
    now = time.time_ns() - 2 * SECOND
    stage.robot.await_processed(node.get_name(), stage.robot.send(0, start=now))
    for i, back in enumerate((40 * SECOND, 1_100_000_000)):
        stage.robot.images.publish(good(now + i - back))
    stage.robot.await_processed(node.get_name(), stage.robot.send(1, start=now))
    await_all(stage, node, 4)
    assert (node.monitor.jumps, node.monitor.processed, node.monitor.refused) == (0, 2, 2)


def test_a_recording_after_live_images_is_accepted_when_these_have_stopped(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localization_common.ros.timeline.SILENCE", 0)
    node = start(stage, VlocnetNode)
    send_image(stage.robot, time.time_ns())
    for i in range(3):
        stage.robot.send(i)
    await_all(stage, node, 4)
    assert (node.monitor.jumps, node.monitor.processed, node.monitor.refused) == (1, 3, 1)


@pytest.mark.parametrize("process_all", [True, False], ids=["all", "newest"])
def test_images_from_the_future_are_refused_and_the_clocks_are_named(stage: Stage, process_all: bool) -> None:
    """Test a camera whose clock is ahead: the reason in place of a pose; later correct stamps are used at once."""
    node = stage.start(VlocnetNode, process_all=process_all, tf_mode="none")
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    now = time.time_ns()
    for i in range(3):
        send_image(stage.robot, now + HOUR + i * PERIOD, i)
        stage.robot.await_processed("vlocnet", now + HOUR + i * PERIOD)
    status = stage.status_now("vlocnet")
    assert "in the future of ROS time: clocks of camera and robot differ (synchronize" in status.message
    assert (status.level, status.values["images in the future"]) == (2, "3")
    send_image(stage.robot, time.time_ns())
    assert stage.robot.recorder.wait_for(lambda: stage.robot.recorder.count("vlocnet/pose") == 1, 10.0)
    assert node.monitor.jumps == 0


def test_an_image_that_is_ahead_by_less_than_a_second_is_used(stage: Stage) -> None:
    start(stage, VlocnetNode)
    stamp = time.time_ns() + 700_000_000
    send_image(stage.robot, stamp)
    stage.robot.await_processed("vlocnet", stamp)
    assert stamp in stage.robot.recorder.by_stamp("vlocnet/pose")


def test_simulated_time_that_has_not_begun_refuses_nothing(stage: Stage) -> None:
    node = stage.start(VlocnetNode, use_sim_time=True, tf_mode="none")
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    assert node.monitor.processed == 1


def test_images_without_stamps_are_reported(stage: Stage) -> None:
    node = start(stage, VlocnetNode)
    for i in range(3):
        send_image(stage.robot, 0, i)
    await_all(stage, node, 3)
    assert "have the same stamp 0.000 s: the driver does not stamp its images" in stage.status_now("vlocnet").message
    assert node.monitor.processed == 1


def test_images_with_one_stamp_are_counted(stage: Stage) -> None:
    node = start(stage, VlocnetNode)
    for i in (0, 0, 1, 1, 1, 2):
        stage.robot.send(i)
    await_all(stage, node, 6)
    status = stage.status_now("vlocnet")
    assert "two images on /image have the same stamp" in status.message
    assert status.values["images with a stamp twice"] == "3"
    assert node.monitor.processed == 3


def test_a_diagnosis_of_stamps_ends_after_its_cause(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localization_common.ros.clock_guard.SHOWN_FOR", 0.2)
    node = start(stage, VlocnetNode)
    for i in (0, 0, 1):
        stage.robot.send(i)
    await_all(stage, node, 3)
    assert wait_until(lambda: stage.status_now("vlocnet").message == "working")


def test_two_clocks_are_named_with_both_topics_and_both_times(stage: Stage) -> None:
    """Test images with the time since boot, and odometry with calendar time."""
    start(stage)
    boot = 1795 * SECOND
    stage.robot.send_odometry(1_700_000_000 * SECOND, 0.0)
    stage.robot.await_processed("dmn", stage.robot.send(0, odometry=False, start=boot))
    message = stage.status_now("dmn").message
    assert (
        "different clocks: the image on /image is stamped 1795.000 s, the odometry on /odom 1700000000.000 s" in message
    )


def test_one_wrong_stamp_of_odometry_moves_nothing(stage: Stage) -> None:
    """Send odometry an hour ahead: images must wait for their odometry, and not interpolate to it."""
    node = start(stage)
    assert not stage.parameters_set("dmn", odometry_timeout=20.0)
    robot = stage.robot
    robot.await_processed("dmn", robot.send(0))
    robot.send_odometry(FIRST + HOUR, 1000.0)
    stamp = robot.send(1, odometry=False)
    assert not robot.recorder.wait_for(lambda: stamp in robot.recorder.by_stamp("dmn/processed"), 0.3)
    robot.send_odometry(stamp, 0.1)
    robot.await_processed("dmn", stamp)
    assert (node.monitor.processed, node.monitor.refused) == (2, 0)
    assert abs(node.odometry._planar._pose[0] - 0.1) < 1e-6
