"""Programs in place of Nav2's, which is not installed where the tests run: `map_server` and `lifecycle_manager`.

They speak Nav2's protocols: the server is a lifecycle node with a bond, the manager is that of the tests.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import rclpy
from lifecycle_manager import LifecycleManager
from rclpy.node import Node
from rclpy.parameter import Parameter

from localization_common.errors import ConfigError
from localization_common.ros.lifecycle import ManagedNode
from localization_common.ros.main import run, supervised


class MapServer(ManagedNode):
    """Lifecycle node that needs the file of an occupancy grid."""

    def __init__(self) -> None:
        super().__init__("map_server")
        self.declare_parameter("yaml_filename", "")

    def configure(self) -> None:
        """Refuse a grid that does not exist."""
        file = self.get_parameter("yaml_filename").value
        if not Path(file).is_file():
            raise ConfigError(f"no occupancy grid {file!r}")
        self.get_logger().info(f"Loading yaml file: {file}")

    def heartbeat_period(self) -> float:
        """Nav2's default."""
        return 0.1


def lifecycle_manager() -> None:
    """Bring the nodes up, and report it; again after one of them was lost."""
    node = Node("lifecycle_manager")
    node.declare_parameter("node_names", Parameter.Type.STRING_ARRAY)
    node.declare_parameter("bond_timeout", Parameter.Type.DOUBLE)
    node.declare_parameter("autostart", False)
    given = {name: node.get_parameter(name).value for name in ("node_names", "bond_timeout", "autostart")}
    manager = LifecycleManager(node, given["node_names"], bond_timeout=given["bond_timeout"])
    if given["autostart"]:
        threading.Thread(target=lambda: _report(manager, node), daemon=True).start()
    rclpy.spin(node)


def _report(manager: Any, node: Node) -> None:
    if not manager.startup():
        node.get_logger().error(f"failed: {manager.failures}")
        return
    while True:
        node.get_logger().info("Managed nodes are active")
        manager.failed.wait()
        manager.failed.clear()
        manager.active.wait()


if __name__ == "__main__":
    name = sys.argv.pop(1)
    sys.exit(run(lambda: [MapServer()]) if name == "map_server" else supervised(lifecycle_manager))
