"""Program in place of all nodes of a launch file: prints what ROS gives each node, and ends."""

from __future__ import annotations

import json
import sys

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

PREFIX = "given: "


def main(names: list[str]) -> None:
    """Start nodes of these names; print the full name, the parameters and the topic of the odometry of each."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    for name in names:
        node = Node(name, automatically_declare_parameters_from_overrides=True)
        values = {key: parameter.value for key, parameter in node.get_parameters_by_prefix("").items()}
        given = {"node": node.get_fully_qualified_name(), "odom": node.resolve_topic_name("odom"), "parameters": values}
        print(PREFIX + json.dumps(given, default=list), flush=True)
        node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(sys.argv.pop(1).split(","))
