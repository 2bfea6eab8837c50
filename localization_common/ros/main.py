"""Entry point of every node: start, spin, stop in order, and say in one line what is wrong with the start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from localization_common.errors import LocalizationError


def run(make_nodes: Callable[[], Sequence[Node]], arguments: list[str] | None = None) -> int:
    """Spin the nodes in one thread until the process is told to end; their workers have threads of their own.

    Returns:
        Exit code: 0, or 2 if a node could not be made because a parameter is refused.
    """
    rclpy.init(args=arguments)
    executor = SingleThreadedExecutor()
    nodes: Sequence[Node] = ()
    try:
        nodes = make_nodes()
        for node in nodes:
            executor.add_node(node)
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # the usual ways to end
    except LocalizationError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    except Exception:
        # A signal between two waits invalidates the context under rclpy's feet; with a valid one it is a real error.
        if rclpy.ok():
            raise
    finally:
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
