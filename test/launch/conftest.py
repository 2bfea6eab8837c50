"""Fixtures of the launch tests: tiny networks, and a robot in the namespace of the launched nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rclpy
from model_fixtures import models
from rclpy.context import Context
from rclpy.node import Node
from stage_fixtures import context
from stage_robot import Robot

from localization_common.ros.spinning import spinning

__all__ = ["NAMESPACE", "context", "models", "robot"]

NAMESPACE = "/fleet/robot_1"


@pytest.fixture
def robot(ros_domain: int) -> Iterator[Robot]:
    """Robot in the domain and the namespace of the launched nodes."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    node = Node("robot", namespace=NAMESPACE, context=context)
    robot = Robot(node)
    with spinning(node):
        yield robot
    node.destroy_node()
    rclpy.try_shutdown(context=context)
