"""Diagnoses of live nodes: each names the true cause, the topic or frame, and a command to type."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from live_drive import send_image
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from robot_stage import Stage
from sensor_msgs.msg import CameraInfo, Image
from stage_robot import CAMERA, FIRST, PERIOD, SECOND, textured
from tf2_msgs.msg import TFMessage
from waiting import wait_until

from dmn_ros.node import DmnNode
from localization_common.errors import EstimateError
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.estimate_checks import require_publishable
from localization_common.ros.outputs import header
from localization_common.ros.spinning import spinning
from localization_common.ros.transforms import transform_stamped
from vlocnet_ros.node import VlocnetNode

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
HEAD = header(FIRST, "camera_optical_frame")


def picture(index: int = 0) -> Image:
    stamp = FIRST + index * PERIOD
    return image_from_array(textured(index), "rgb8", header(stamp, "camera_optical_frame"))


@pytest.fixture
def other(ros_domain: int, stage: Stage) -> Iterator[Node]:
    """Node of the robot in another namespace and process."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    node = Node("amcl", namespace="robot1", context=context)
    with spinning(node):
        yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def without_camera_info(stage: Stage, **values: Any) -> Any:
    """Start a vlocnet node whose robot publishes images and the mount of the camera, but no camera_info."""
    stage.robot.node.destroy_publisher(stage.robot.infos)
    node = stage.start_unmatched(VlocnetNode, tf_mode="none", camera_info_timeout=0.1, **values)
    assert stage.client("vlocnet").wait_until_active()
    assert wait_until(lambda: stage.robot.images.get_subscription_count() == 1)
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    return node


@pytest.mark.parametrize("first", ["driver", "node"])
def test_camera_info_that_is_latched_and_published_once_arrives(stage: Stage, other: Node, first: str) -> None:
    """Publish it before the node subscribes, or before it looks for publishers that latch."""
    info = camera_to_info(CAMERA, HEAD)
    if first == "driver":
        other.create_publisher(CameraInfo, "/camera_info", LATCHED).publish(info)
    node = without_camera_info(stage)
    if first == "node":
        other.create_publisher(CameraInfo, "/camera_info", LATCHED).publish(info)
    assert wait_until(lambda: node.feed.calibration.came)
    stage.robot.images.publish(picture())
    stage.robot.await_processed("vlocnet", FIRST)
    assert node.monitor.processed == 1


def test_camera_info_without_publisher_is_named_with_the_topic_that_has_it(stage: Stage, other: Node) -> None:
    without_camera_info(stage)
    other.create_publisher(CameraInfo, "/front/camera_info", 1)
    assert wait_until(lambda: bool(stage.robot.node.count_publishers("/front/camera_info")))
    stage.robot.images.publish(picture())
    stage.robot.await_processed("vlocnet", FIRST)
    message = stage.status_now("vlocnet").message
    assert "no message on /camera_info yet" in message
    assert "nobody publishes there" in message
    assert "-r camera_info:=/front/camera_info" in message


def test_a_silent_driver_is_no_missing_driver(stage: Stage, other: Node) -> None:
    without_camera_info(stage)
    other.create_publisher(CameraInfo, "/camera_info", 1)
    assert wait_until(lambda: bool(stage.robot.node.count_publishers("/camera_info")))
    stage.robot.images.publish(picture())
    stage.robot.await_processed("vlocnet", FIRST)
    assert "/robot1/amcl publishes there, but sends nothing" in stage.status_now("vlocnet").message


def test_a_topic_of_another_type_is_named(stage: Stage, other: Node) -> None:
    stage.robot.node.destroy_publisher(stage.robot.images)
    other.create_publisher(PoseStamped, "/image", 1)
    stage.start_unmatched(VlocnetNode)
    assert stage.client("vlocnet").wait_until_active()
    expected = "/robot1/amcl publishes geometry_msgs/msg/PoseStamped there, but this node reads sensor_msgs/msg/Image"
    stage.robot.await_status("vlocnet", lambda s: expected in s.message)


def test_images_on_another_topic_are_named(stage: Stage, other: Node) -> None:
    stage.robot.node.destroy_publisher(stage.robot.images)
    other.create_publisher(Image, "/front/image_raw", 1)
    stage.start_unmatched(VlocnetNode)
    assert stage.client("vlocnet").wait_until_active()
    stage.robot.await_status("vlocnet", lambda s: "-r image:=/front/image_raw" in s.message)


def refused(stage: Stage, index: int = 0) -> str:
    """Diagnosis after one image."""
    stage.robot.await_processed("vlocnet", stage.robot.send(index))
    return str(stage.status_now("vlocnet").message)


def test_a_base_frame_that_does_not_exist_is_named_with_those_that_do(stage: Stage) -> None:
    node = stage.start(VlocnetNode, base_frame_id="base_footprint", transform_timeout=0.1)
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    message = refused(stage)
    assert "TF has no frame 'base_footprint', which is parameter base_frame_id" in message
    assert "it has base_link, camera_optical_frame: set base_frame_id" in message


def test_odometry_of_another_base_frame_is_named_with_the_parameters(stage: Stage) -> None:
    node = stage.start(
        DmnNode, process_all=True, localized_share=1e-9, localized_images=1, base_frame_id="base_footprint"
    )
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST)
    assert wait_until(lambda: node.transforms.connected("odom", "base_link"))
    stage.robot.await_processed("dmn", stage.robot.send(0))
    message = stage.status_now("dmn").message
    assert "tf_mode map_odom needs the odometry's TF odom -> base_footprint" in message
    assert "TF has base_link, odom, not 'base_footprint' (parameter base_frame_id)" in message
    assert "odometry on /odom is of 'base_link' (child_frame_id), and TF does not join that to the base" in message
    assert "set base_frame_id to 'base_link'" in message


def test_a_camera_frame_that_does_not_exist_is_named_with_a_command(stage: Stage) -> None:
    node = stage.start(VlocnetNode, transform_timeout=0.1)
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST)
    assert wait_until(lambda: node.transforms.connected("odom", "base_link"))
    message = refused(stage)
    assert "TF has no frame 'camera_optical_frame' (frame_id of the images on /image)" in message
    assert "static_transform_publisher --frame-id base_link --child-frame-id camera_optical_frame" in message


def test_frames_that_are_not_joined_are_no_missing_frames(stage: Stage) -> None:
    node = stage.start(VlocnetNode, transform_timeout=0.1)
    stage.robot.send_transform("odom", "base_link", np.eye(4), FIRST)
    stage.robot.send_transform("head", "camera_optical_frame", np.eye(4), FIRST)
    assert wait_until(lambda: {"base_link", "head"} <= set(node.transforms.frames))
    assert "but does not join them" in refused(stage)


def test_tf_in_a_namespace_is_named_with_its_remap(stage: Stage, other: Node) -> None:
    stage.robot.node.destroy_publisher(stage.robot.static)
    stage.robot.node.destroy_publisher(stage.robot.tf)
    for topic in ("tf", "tf_static"):
        other.create_publisher(TFMessage, topic, LATCHED)
    stage.start_unmatched(VlocnetNode, transform_timeout=0.1)
    assert stage.client("vlocnet").wait_until_active()
    assert wait_until(lambda: stage.robot.images.get_subscription_count() == 1)
    assert wait_until(lambda: stage.robot.infos.get_subscription_count() == 1)
    message = refused(stage)
    assert "nobody else publishes on /tf and /tf_static, but TF is on /robot1/tf, /robot1/tf_static" in message
    assert "-r /tf:=/robot1/tf -r /tf_static:=/robot1/tf_static" in message


@pytest.mark.parametrize("stops", ["the other", "this one"])
def test_a_second_broadcaster_of_map_to_odom_is_named_until_one_stops(
    stage: Stage, other: Node, monkeypatch: pytest.MonkeyPatch, stops: str
) -> None:
    monkeypatch.setattr("localization_common.ros.transforms.FORGOTTEN_AFTER", 0.5)
    node = stage.start(VlocnetNode, process_all=True)
    robot = stage.robot
    robot.mount_camera()
    robot.send_transform("odom", "base_link", np.eye(4), FIRST)
    robot.send(0)
    robot.await_transform("map", "odom")
    assert wait_until(lambda: node.transforms.connected("map", "odom"))
    assert "another node" not in stage.status_now("vlocnet").message  # its own transform comes back to it
    amcl = other.create_publisher(TFMessage, "/tf", 10)
    assert wait_until(lambda: amcl.get_subscription_count() == 2)
    robot.send_transform("odom", "base_link", np.eye(4), FIRST + PERIOD)
    robot.send(1)
    assert wait_until(lambda: len(robot.transforms_of("map")) == 2)
    amcl.publish(TFMessage(transforms=[transform_stamped("map", "odom", np.eye(4), FIRST)]))
    assert wait_until(lambda: bool(node.transforms.second_broadcaster))
    status = stage.status_now("vlocnet")
    assert "another node, too, broadcasts map -> odom" in status.message
    assert "/robot1/amcl" in status.message
    assert status.level == 1
    if stops == "this one":  # the remedy of the warning
        assert stage.parameters_set("vlocnet", tf_mode="none") == ""

    def ended() -> bool:
        if stops == "this one":
            amcl.publish(TFMessage(transforms=[transform_stamped("map", "odom", np.eye(4), FIRST)]))
        return "another node" not in stage.status_now("vlocnet").message

    assert wait_until(ended)


@pytest.mark.parametrize(
    ("pose", "covariance", "reason"),
    [
        (np.full((4, 4), np.nan), np.eye(6), "not finite"),
        (np.eye(4) + 1e300 * np.eye(4, k=3), np.eye(6), "beyond"),
        (np.eye(4), np.full((6, 6), np.nan), "its covariance is not finite"),
        (np.eye(4), -np.eye(6), "variances of zero or more"),
        (np.eye(4), np.eye(6) + np.eye(6, k=1), "not symmetric"),
    ],
    ids=["NaN pose", "1e300", "NaN covariance", "negative variance", "not symmetric"],
)
def test_an_unusable_estimate_is_refused(pose: np.ndarray, covariance: np.ndarray, reason: str) -> None:
    with pytest.raises(EstimateError, match=f"pose is not published: .*{reason}"):
        require_publishable("pose", pose, covariance)
    require_publishable("pose", np.eye(4), np.zeros((6, 6)))


@pytest.mark.parametrize("make_node", [pytest.param(VlocnetNode, id="vlocnet"), pytest.param(DmnNode, id="dmn")])
def test_a_bad_estimate_is_reported_instead_of_published_and_the_next_good_one_is_published(
    stage: Stage, make_node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test a bad estimate of a good frame, like one from NaN in a map's variances."""
    values = {"localized_share": 1e-9, "localized_images": 1} if make_node is DmnNode else {}
    node = stage.start(make_node, process_all=True, tf_mode="map_base", **values)
    stage.robot.mount_camera()
    name, covariance = node.get_name(), spoilt(make_node)
    with monkeypatch.context() as patch:
        patch.setattr(covariance, lambda *_: np.full((6, 6), np.nan))
        stage.robot.await_processed(name, stage.robot.send(0))
    status = stage.status_now(name)
    assert "pose is not published: its covariance is not finite" in status.message
    assert status.level == 2
    assert stage.robot.recorder.count(f"{name}/pose") == 0
    assert stage.robot.transforms_of("map") == []
    stamp = stage.robot.send(1)
    stage.robot.await_processed(name, stamp)
    assert list(stage.robot.recorder.by_stamp(f"{name}/pose")) == [stamp]
    assert "not published" not in stage.status_now(name).message


def spoilt(make_node: Any) -> str:
    """Name of the function that gives a node its covariance."""
    if make_node is VlocnetNode:
        return "vlocnet_ros.estimate_output.base_covariance"
    return "dmn_ros.node.covariance_from_planar"


def test_an_image_larger_than_the_parameter_allows_is_refused(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, max_image_pixels=160 * 120 - 1)
    assert "image is 160x120, more than parameter max_image_pixels 19199 allows" in refused(stage)


def test_a_pose_in_a_foreign_frame_waits_for_tf_beside_the_frames(stage: Stage) -> None:
    """Test a live node: it processes the first images, and uses the pose once TF joins its frame to the map."""
    node = stage.start(DmnNode, localized_share=1e-9, localized_images=1, tf_mode="none", transform_timeout=10.0)
    robot, now = stage.robot, time.time_ns()
    robot.send_initial_pose(np.eye(4), frame_id="room")
    assert wait_until(lambda: node.pending_initial_pose is not None)
    for index in range(2):
        robot.send_odometry(now + index * PERIOD, 0.0)
        send_image(robot, now + index * PERIOD)
        robot.await_processed("dmn", now + index * PERIOD, timeout=5.0)
    assert node.pending_initial_pose is not None
    robot.send_transform("map", "room", np.eye(4), now + SECOND)
    assert wait_until(lambda: node.transforms.connected("map", "room"))
    robot.send_odometry(now + 2 * PERIOD, 0.0)
    send_image(robot, now + 2 * PERIOD)
    robot.await_processed("dmn", now + 2 * PERIOD)
    assert node.pending_initial_pose is None
    assert node.belief is not None
    assert node.belief.spread < 0.5
