"""Tests of the camera node with real rclpy: its messages agree, arrive in time and are complete."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String, UInt64
from tf2_msgs.msg import TFMessage

from localization_common.camera import Camera
from localization_common.errors import ConfigError
from localization_common.geometry import planar
from localization_common.messages import (
    array_from,
    camera_from,
    matrix_from_pose,
    matrix_from_transform,
    stamp_from_time,
)
from localization_common.ros.spinning import spinning
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.drive_paths import plan_drive
from localization_sim.drive import START_STAMP
from localization_sim.node import ApartmentCamera, MissingSubscribersError
from localization_sim.rendering import Renderer, mounted_camera, open_apartment

RATE = 10.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TOPICS: dict[str, tuple[Any, Any]] = {
    "image": (Image, 50),
    "camera_info": (CameraInfo, 50),
    "depth": (Image, 50),
    "labels": (Image, 50),
    "odom": (Odometry, 200),
    "ground_truth/pose": (PoseStamped, 50),
    "label_names": (String, LATCHED),
    "frames_published": (UInt64, LATCHED),
    "/tf": (TFMessage, 200),
    "/tf_static": (TFMessage, LATCHED),
    "/clock": (Clock, 200),
}


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    opened = Context()
    rclpy.init(context=opened, domain_id=ros_domain)
    yield opened
    opened.try_shutdown()


@contextmanager
def camera_node(context: Context, **parameters: Any) -> Iterator[ApartmentCamera]:
    small = {"width": 64, "height": 48, "rate": RATE, "odom_rate": 20.0, "max_duration": 1.45}
    overrides = [Parameter(name, value=value) for name, value in {**small, **parameters}.items()]
    node = ApartmentCamera(context=context, parameter_overrides=overrides)
    try:
        yield node
    finally:
        node.destroy_node()


def drive_and_listen(context: Context, **parameters: Any) -> dict[str, list[Any]]:
    """Messages of the node during one run, by topic."""
    messages: dict[str, list[Any]] = {topic: [] for topic in TOPICS}
    last = threading.Event()
    listener = Node("listener", context=context)

    def collect(topic: str) -> Callable[[Any], None]:
        def on_message(message: Any) -> None:
            messages[topic].append(message)
            if topic == "frames_published" and message.data == expected:
                last.set()

        return on_message

    with camera_node(context, wait_for_subscribers=1, publish_depth=True, publish_labels=True, **parameters) as node:
        expected = int(node.settings.max_duration * node.settings.rate) + 1
        for topic, (kind, qos) in TOPICS.items():
            listener.create_subscription(kind, topic, collect(topic), qos)
        with spinning(listener), spinning(node):
            node.run()
            assert last.wait(10.0), f"frames_published did not reach {expected}"
        assert node.frames_published == expected
    listener.destroy_node()
    return messages


def stamps(messages: list[Any]) -> list[int]:
    return [stamp_from_time(message.header.stamp) for message in messages]


def test_everything_of_an_image_carries_its_stamp_and_the_truth(context: Context, apartment: Apartment) -> None:
    messages = drive_and_listen(context)
    times = np.array(stamps(messages["image"]))
    assert len(times) == 15
    np.testing.assert_allclose(np.diff(times), 1e9 / RATE, atol=2)
    for topic in ("camera_info", "depth", "labels", "ground_truth/pose"):
        assert stamps(messages[topic]) == times.tolist(), topic
    assert set(times.tolist()) <= set(stamps(messages["odom"]))
    assert [message.data for message in messages["frames_published"]][-1] == 15
    camera = Camera.from_field_of_view(64, 48, 90.0)
    received = camera_from(messages["camera_info"][0])
    assert (received.width, received.height, received.distorted) == (64, 48, False)
    np.testing.assert_allclose(received.matrix, camera.matrix)
    truth = [matrix_from_pose(message.pose) for message in messages["ground_truth/pose"]]
    trajectory = plan_drive(apartment, "test")
    np.testing.assert_allclose(truth, planar.to_se3(trajectory.at(np.arange(15) / RATE)), atol=1e-9)
    with Renderer(apartment, camera) as renderer:
        for i in (0, 6, 14):
            renderer.look_from(truth[i] @ mounted_camera())
            np.testing.assert_array_equal(array_from(messages["image"][i]), renderer.colour())
            np.testing.assert_array_equal(array_from(messages["depth"][i]), renderer.depth())
            np.testing.assert_array_equal(array_from(messages["labels"][i]), renderer.labels())
    assert tuple(json.loads(messages["label_names"][0].data)) == apartment.class_names


@pytest.mark.parametrize("changes", [{"rearranged": 0.25}, {"twin_room": True}])
def test_a_changed_apartment_is_driven_through(context: Context, changes: dict[str, Any]) -> None:
    messages = drive_and_listen(context, max_duration=0.25, **changes)
    with open_apartment(0, Camera.from_field_of_view(64, 48, 90.0), **changes) as renderer:
        path = plan_drive(renderer.apartment, "test")
        truth = [matrix_from_pose(message.pose) for message in messages["ground_truth/pose"]]
        np.testing.assert_allclose(truth, planar.to_se3(path.at(np.arange(3) / RATE)), atol=1e-9)
        for pose, image in zip(truth, messages["image"], strict=True):
            renderer.look_from(pose @ mounted_camera())
            np.testing.assert_array_equal(array_from(image), renderer.colour())


def test_odometry_and_tf_are_equal_and_frames_follow_rep_103(context: Context, apartment: Apartment) -> None:
    messages = drive_and_listen(context)
    (mounting,) = messages["/tf_static"][0].transforms
    assert (mounting.header.frame_id, mounting.child_frame_id) == ("base_link", "camera_optical_frame")
    np.testing.assert_allclose(matrix_from_transform(mounting.transform), mounted_camera(), atol=1e-12)
    assert {message.header.frame_id for message in messages["image"]} == {"camera_optical_frame"}
    assert {message.header.frame_id for message in messages["ground_truth/pose"]} == {"map"}
    assert {(m.header.frame_id, m.child_frame_id) for m in messages["odom"]} == {("odom", "base_link")}
    moved = {stamp_from_time(t.header.stamp): t.transform for m in messages["/tf"] for t in m.transforms}
    for message in messages["odom"]:
        transform = moved[stamp_from_time(message.header.stamp)]
        np.testing.assert_array_equal(
            matrix_from_pose(message.pose.pose), matrix_from_transform(transform), strict=True
        )
    np.testing.assert_allclose(matrix_from_pose(messages["odom"][0].pose.pose), np.eye(4), atol=1e-12)
    # Odometry follows the truth at first: the drift of one second is small.
    trajectory = plan_drive(apartment, "test")
    true_motion = planar.relative(trajectory.at(0.0), trajectory.at(1.4))
    odom = planar.from_se3(matrix_from_pose(messages["odom"][-1].pose.pose))
    np.testing.assert_allclose(odom, true_motion, atol=0.05)


def test_wheels_without_errors_turn_exactly_as_the_robot(context: Context, apartment: Apartment) -> None:
    messages = drive_and_listen(context, odometry_errors=0.0)
    trajectory = plan_drive(apartment, "test")
    headings = [planar.from_se3(matrix_from_pose(message.pose.pose))[2] for message in messages["odom"]]
    true = trajectory.poses[0, 2] + planar.wrap_angle(np.array(headings))
    np.testing.assert_allclose(
        planar.wrap_angle(true - [trajectory.at(0.05 * i)[2] for i in range(len(true))]), 0.0, atol=1e-9
    )


def test_clock_runs_with_the_drive(context: Context) -> None:
    messages = drive_and_listen(context, publish_clock=True)
    clock = [stamp_from_time(message.clock) for message in messages["/clock"]]
    assert clock == sorted(clock)
    assert stamps(messages["image"])[0] == START_STAMP
    assert set(stamps(messages["image"])) <= set(clock)


def test_loops_repeat_the_drive_while_odometry_and_time_continue(context: Context, apartment: Apartment) -> None:
    """Run two loops without waiting, with few images and odometry messages."""
    duration = plan_drive(apartment, "test").duration
    with camera_node(context, loops=2, max_duration=0.0, rate=0.1, odom_rate=1.0) as node:
        waits: list[float] = []
        sent: list[tuple[str, int]] = []
        stop = node._stop

        class Impatient(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                waits.append(timeout or 0.0)
                return stop.is_set()

        node._stop = Impatient()
        node._truth.publish = lambda message: sent.append(("truth", stamp_from_time(message.header.stamp)))
        odom: list[Any] = []
        node._odom.publish = odom.append
        node.run()
    images = int(duration * 0.1) + 1
    assert node.frames_published == 2 * images
    times = [stamp for _, stamp in sent]
    assert (np.diff(times) > 0).all()
    poses = planar.from_se3(np.array([matrix_from_pose(message.pose.pose) for message in odom]))
    drift = float(np.linalg.norm(poses[len(poses) // 2 - 1, :2] - poses[0, :2]))
    jump = float(np.linalg.norm(poses[len(poses) // 2, :2] - poses[len(poses) // 2 - 1, :2]))
    assert jump < drift / 2  # the second loop begins at the odometry of the end of the first one


def test_missing_subscribers_are_an_error(context: Context) -> None:
    with camera_node(context, wait_for_subscribers=1, wait_timeout=0.2) as node:
        with pytest.raises(MissingSubscribersError, match="0 of 1 subscribers"):
            node.run()
        assert node.frames_published == 0


def test_shutdown_ends_the_drive(context: Context) -> None:
    with camera_node(context, max_duration=0.0) as node:
        driver = threading.Thread(target=node.run)
        driver.start()
        while node.frames_published == 0 and driver.is_alive():
            driver.join(0.05)
        context.shutdown()
        driver.join(20.0)
        assert not driver.is_alive()


def test_a_wrong_parameter_is_refused(context: Context) -> None:
    with pytest.raises(ConfigError, match="rate"), camera_node(context, rate=0.0):
        pass
