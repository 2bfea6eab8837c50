"""Cases of messages that are sent through DDS and received by a subscription."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import camera_cases
import compressed_cases
import image_cases
import pose_cases
import pytest
from message_ways import assert_right, outcome, ros_type

from localization_common.datasets.rosbag2_encoding import STORE

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.context import Context  # noqa: E402 - after the check for rclpy
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.qos import DurabilityPolicy, QoSProfile  # noqa: E402

EVERY = [*image_cases.CASES, *compressed_cases.CASES, *camera_cases.CASES, *pose_cases.CASES]
NAMES = (
    "bgr8, padding 5",
    "12 bits in mono16",
    "bayer_grbg16",
    "nv21",
    "odd yuyv",
    "depth 16UC1",
    "EXIF orientation 6",
    "bayer_rggb8 as JPEG",
    "cut short",
    "region and binning",
    "8 of plumb_bob",
    "nav_msgs/msg/Odometry",
    "tf2_msgs/msg/TFMessage",
)
CASES = [next(case for case in EVERY if case.name == name) for name in NAMES]


def test_live_messages_are_read_the_same(ros_domain: int) -> None:
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    executor = SingleThreadedExecutor(context=context)
    try:
        node = rclpy.create_node("recorder", context=context)
        executor.add_node(node)
        received: dict[str, Any] = {}
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        for number, case in enumerate(CASES):
            keep = partial(received.__setitem__, case.name)
            node.create_subscription(ros_type(case.kind), f"case_{number}", keep, latched)
            publisher = node.create_publisher(ros_type(case.kind), f"case_{number}", latched)
            publisher.publish(bytes(STORE.serialize_cdr(case.message, case.kind)))
        end = time.monotonic() + 20.0
        while len(received) < len(CASES) and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.5)
    finally:
        executor.shutdown()
        rclpy.try_shutdown(context=context)
    assert sorted(received) == sorted(NAMES)
    for case in CASES:
        assert_right(case, outcome(case, received[case.name]))
