"""Node process with both localizers: each image crosses DDS once and is decoded once."""

from __future__ import annotations

import sys
from typing import Any

from rclpy.node import Node

from dmn_ros.node import DmnNode
from localization_common.files.shipped_files import shipped
from localization_common.ros.main import run
from vlocnet_ros.node import VlocnetNode


def make_nodes(**options: Any) -> list[Node]:
    """Make the vlocnet node, which subscribes to the camera, and the dmn node, which uses the same subscription.

    Args:
        options: options of rclpy's Node, for both nodes.
    """
    vlocnet = VlocnetNode(**options)
    return [vlocnet, DmnNode(feed=vlocnet.feed, **options)]


def main(arguments: list[str] | None = None) -> int:
    """Run the console script ``localization``, with the parameters of both nodes together unless the user has others.

    Without them, both nodes would broadcast map -> odom.
    """
    given = sys.argv if arguments is None else arguments
    return run(make_nodes, ["--ros-args", "--params-file", str(shipped("config/localization.yaml")), "--", *given])


if __name__ == "__main__":
    sys.exit(main())
