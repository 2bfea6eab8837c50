"""Waiting for a condition and for messages in tests of nodes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile


def wait_until(condition: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Poll a condition without an event, such as the discovery of an endpoint; return False after timeout."""
    give_up = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        if time.monotonic() > give_up:
            return False
        pause.wait(0.01)
    return True


class RawListener:
    """Messages of one topic, not converted."""

    def __init__(self, node: Node, message_type: Any, topic: str, *, latched: bool = False) -> None:
        self.messages: queue.Queue[Any] = queue.Queue()
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=10, durability=durability)
        node.create_subscription(message_type, topic, self.messages.put, qos)

    def next(self, timeout: float = 10.0) -> Any:
        """Wait for the next message and return it."""
        return self.messages.get(timeout=timeout)
