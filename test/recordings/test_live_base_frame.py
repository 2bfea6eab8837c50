"""Base frame of live nodes, by the same rule as in recordings."""

from __future__ import annotations

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from robot_stage import Stage
from stage_robot import BASE_T_CAMERA, FIRST
from tf2_msgs.msg import TFMessage
from waiting import wait_until

from dmn_ros.node import DmnNode
from localization_common.geometry import se3
from localization_common.ros.outputs import header
from localization_common.ros.transforms import transform_stamped
from vlocnet_ros.node import VlocnetNode

FOOTPRINT_T_BASE = se3.from_parts([0.0, 0.0, 0.1], [1.0, 0.0, 0.0, 0.0])


def fix(stage: Stage, parent: str, child: str, parent_T_child: np.ndarray) -> None:
    """Publish a fixed transform."""
    transform = transform_stamped(parent, child, parent_T_child, FIRST)
    stage.robot.static.publish(TFMessage(transforms=[transform]))


@pytest.mark.parametrize(
    ("links", "taken", "height"),
    [
        ((("base_footprint", "base_link"), ("base_link", "camera_optical_frame")), "base_footprint", 0.7),
        ((("base_link", "camera_optical_frame"),), "base_link", 0.6),
    ],
    ids=["footprint and link", "link alone"],
)
def test_an_empty_base_frame_id_is_found_in_tf(
    stage: Stage, links: tuple[tuple[str, str], ...], taken: str, height: float
) -> None:
    node = stage.start(VlocnetNode, base_frame_id="", tf_mode="map_base")
    for parent, child in links:
        matrix = BASE_T_CAMERA if child == "camera_optical_frame" else FOOTPRINT_T_BASE
        fix(stage, parent, child, matrix)
    assert wait_until(lambda: node.transforms.connected(taken, "camera_optical_frame"))
    stamp = stage.robot.send(0)
    stage.robot.await_processed("vlocnet", stamp)
    assert node.base_frame.name() == taken
    assert wait_until(lambda: [t.child for t in stage.robot.transforms_of("map")] == [taken])
    base_T_camera = node.transforms.lookup(taken, "camera_optical_frame", stamp)
    assert base_T_camera[2, 3] == pytest.approx(height)


def test_the_base_does_not_depend_on_the_order_of_the_transforms(stage: Stage) -> None:
    """Send the odometry of base_link before the static transforms, which have base_footprint, too."""
    node = stage.start(VlocnetNode, base_frame_id="", process_all=True)
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST)
    assert wait_until(lambda: node.transforms.connected("odom", "base_link"))
    assert node.base_frame.name("odom") == "base_link"
    links = (("base_footprint", "base_link", FOOTPRINT_T_BASE), ("base_link", "camera_optical_frame", BASE_T_CAMERA))
    transforms = [transform_stamped(parent, child, matrix, FIRST) for parent, child, matrix in links]
    stage.robot.static.publish(TFMessage(transforms=transforms))
    assert wait_until(lambda: node.transforms.connected("base_footprint", "camera_optical_frame"))
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    assert node.base_frame.name("odom") == "base_footprint"


def test_a_missing_base_is_named_with_all_names_that_were_tried(stage: Stage) -> None:
    node = stage.start(VlocnetNode, base_frame_id="", transform_timeout=0.1)
    fix(stage, "chassis", "camera_optical_frame", BASE_T_CAMERA)
    assert wait_until(lambda: node.transforms.connected("chassis", "camera_optical_frame"))
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    problem = node.monitor.problems["transform"].text
    assert "no frame 'base_footprint or base_link', which is parameter base_frame_id" in problem
    assert "it has camera_optical_frame, chassis" in problem


def test_odometry_of_another_frame_is_brought_to_the_base(stage: Stage) -> None:
    node = stage.start(DmnNode, base_frame_id="base_link", localized_share=1e-9, localized_images=1, tf_mode="none")
    wheels_T_base = se3.from_parts([0.3, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    fix(stage, "wheels", "base_link", wheels_T_base)
    assert wait_until(lambda: node.transforms.connected("wheels", "base_link"))
    send_odometry(stage, "wheels")
    assert wait_until(lambda: len(node.odometry.buffer) == 1)
    np.testing.assert_allclose(node.odometry.buffer.at(FIRST, 0.0), wheels_T_base, atol=1e-12)
    assert "odometry_frame" not in node.monitor.problems


def test_odometry_of_a_frame_that_tf_does_not_join_to_the_base_is_named(stage: Stage) -> None:
    node = stage.start(DmnNode, base_frame_id="base_link", localized_share=1e-9, localized_images=1, tf_mode="none")
    send_odometry(stage, "nothing")
    assert wait_until(lambda: "odometry_frame" in node.monitor.problems)
    assert "of 'nothing' (child_frame_id)" in node.monitor.problems["odometry_frame"].text


@pytest.mark.parametrize(
    ("frame", "child"),
    [("odom", "odom"), ("base_link", "odom"), ("base_link", "drift"), ("wheels_odom", "odom"), ("odom", "/odom"),
     ("odom", "map"), ("odom", "alias")],
)  # fmt: skip
def test_odometry_whose_child_is_no_frame_of_the_robot_is_refused(stage: Stage, frame: str, child: str) -> None:
    """TF joins such a child to the base by the odometry itself: the motion would count twice."""
    node = stage.start(DmnNode, base_frame_id="base_link", tf_mode="none")
    fix(stage, "odom", "alias", np.eye(4))
    stage.robot.send_transform("map", "odom", np.eye(4), FIRST)
    stage.robot.send_transform("odom", "base_link", se3.from_parts([1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]), FIRST)
    joined = (("map", "base_link"), ("alias", "base_link"))
    assert wait_until(lambda: all(node.transforms.connected(*frames) for frames in joined))
    send_odometry(stage, child, frame)
    assert wait_until(lambda: "odometry_frame" in node.monitor.problems)
    assert "is ignored: that is no motion of the robot" in node.monitor.problems["odometry_frame"].text
    assert len(node.odometry.buffer) == 0
    send_odometry(stage, "base_link")
    assert wait_until(lambda: len(node.odometry.buffer) == 1)
    assert "odometry_frame" not in node.monitor.problems


def test_odometry_of_a_frame_that_moves_against_the_base_is_used(stage: Stage) -> None:
    """Publish the robot's own links on /tf, as robot_state_publisher did in ROS 1."""
    node = stage.start(DmnNode, base_frame_id="base_link", tf_mode="none")
    for parent, child in (("odom", "base_footprint"), ("base_footprint", "base_link")):
        stage.robot.send_transform(parent, child, FOOTPRINT_T_BASE, FIRST)
    assert wait_until(lambda: node.transforms.connected("odom", "base_link"))
    send_odometry(stage, "base_footprint")
    assert wait_until(lambda: len(node.odometry.buffer) == 1)
    np.testing.assert_allclose(node.odometry.buffer.at(FIRST, 0.0), FOOTPRINT_T_BASE, atol=1e-12)


def send_odometry(stage: Stage, child: str, frame: str = "odom") -> None:
    """Publish odometry with the child at its origin."""
    message = Odometry(header=header(FIRST, frame), child_frame_id=child)
    message.pose.pose.orientation.w = 1.0
    stage.robot.odometry.publish(message)
