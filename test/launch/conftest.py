"""What the launch tests start with: tiny networks, and a robot in the namespace that is launched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context
from rclpy.node import Node
from robot_stage import Robot, save_models

from localization_common.ros.spinning import spinning

NAMESPACE = "/fleet/robot_1"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with vlocnet.safetensors, dmn.safetensors and map.safetensors of random weights."""
    folder = tmp_path_factory.mktemp("models")
    save_models(folder)
    return folder


@pytest.fixture
def robot(ros_domain: int) -> Iterator[Robot]:
    """A robot in the domain and the namespace that the nodes are launched into."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    node = Node("robot", namespace=NAMESPACE, context=context)
    robot = Robot(node)
    with spinning(node):
        yield robot
    node.destroy_node()
    rclpy.try_shutdown(context=context)
