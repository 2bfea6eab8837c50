"""Manager's end of a bond, from the state machine of bond_core's C++ library: it dies of silence."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from typing import Any

from bond.msg import Status
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

NAV2_PERIOD = 0.1


class ManagerBond:
    """Bond with one node, on a subscription and a timer of the manager's node, which another thread spins.

    Args:
        node: node of the manager.
        name: name of the managed node.
        timeout: seconds without heartbeat after which the bond is broken.
    """

    def __init__(self, node: Node, name: str, timeout: float) -> None:
        self._node, self._name, self._timeout = node, name, timeout
        self._instance = str(uuid.uuid4())
        self._changed = threading.Condition()
        self._heard: float | None = None
        self._dead = False
        self.received: list[tuple[float, Any]] = []  # time of arrival, message
        self._publisher = node.create_publisher(Status, "bond", 5)
        self._subscription = node.create_subscription(Status, "bond", self._on_status, 100)
        self._timer = node.create_timer(NAV2_PERIOD, self._beat, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def wait_until_formed(self, timeout: float) -> bool:
        """Wait for the first heartbeat; False after timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._heard is not None, timeout)

    def wait_until_broken(self, timeout: float) -> bool:
        """Wait until the node breaks the bond, which is no silence; False after timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: self._dead, timeout)

    def is_broken(self) -> bool:
        """Return True if the node broke the bond or is silent for too long."""
        with self._changed:
            silent = self._heard is not None and time.monotonic() - self._heard > self._timeout
            self._dead = self._dead or silent
            return self._dead

    def break_bond(self) -> None:
        """Report the end of the manager."""
        self._publish(active=False)

    def shutdown(self) -> None:
        """Break the bond if it is not broken, and free the topic."""
        if not self.is_broken():
            self.break_bond()
        entities = [
            (self._node.destroy_timer, self._timer),
            (self._node.destroy_subscription, self._subscription),
            (self._node.destroy_publisher, self._publisher),
        ]
        # In the thread that spins: its wait must not contain a destroyed entity.
        self._node.executor.create_task(lambda: [destroy(entity) for destroy, entity in entities])

    def gaps(self) -> list[float]:
        """Seconds between successive heartbeats, and since the last one."""
        with self._changed:
            times = [t for t, status in self.received if status.active] + [time.monotonic()]
        return [later - earlier for earlier, later in itertools.pairwise(times)]

    def _beat(self) -> None:
        if not self.is_broken():
            self._publish(active=True)

    def _on_status(self, status: Any) -> None:
        if status.id != self._name or status.instance_id == self._instance:
            return
        with self._changed:
            self.received.append((time.monotonic(), status))
            self._heard = time.monotonic()
            died = not status.active and not self._dead
            self._dead = self._dead or died
            self._changed.notify_all()
        if died:
            self._publish(active=False)

    def _publish(self, *, active: bool) -> None:
        status = Status(id=self._name, instance_id=self._instance, active=active)
        status.heartbeat_timeout, status.heartbeat_period = self._timeout, NAV2_PERIOD
        self._publisher.publish(status)
