"""Bond between a lifecycle node and its manager, as bond_core speaks it: the manager notices when the node ends."""

from __future__ import annotations

import threading
import time
import uuid
from enum import Enum
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.time import Time

try:
    from bond.msg import Status
except ImportError:  # only Nav2 brings it
    Status = None

TOPIC = "bond"
#: Seconds of silence after which an end regards the other one as dead; Nav2's nodes send this value, too.
HEARTBEAT_TIMEOUT = 4.0
#: Seconds after which a node that no manager answers stops its heartbeats.
CONNECT_TIMEOUT = 10.0
#: Seconds that a node waits for the manager's answer when it breaks the bond, and between its messages meanwhile.
BREAK_TIMEOUT, BREAK_PERIOD = 0.1, 0.02
#: Longest time between two looks at the messages of the other ends, and how many of these are kept meanwhile.
LISTEN_PERIOD, QUEUE = 0.1, 100


class State(Enum):
    """State of one end of a bond, as in bond_core."""

    WAITING = "waits for the other end"
    ALIVE = "both ends live"
    BREAKING = "broken here, the other end did not answer yet"
    DEAD = "broken"


class Bond:
    """End of a node in the bond with its manager: heartbeats from `open` until `close`.

    The heartbeats come from a thread of their own, on the steady clock. So they go on while the executor is busy, such
    as with another node of the process that loads its weights, and while simulation time stands still. The thread also
    reads the topic, on which all nodes of a stack beat: the executor does not wake for it.

    As for Nav2's nodes, silence of the manager does not break the bond. A bond that is broken, or that no manager
    answers, ends the heartbeats and nothing else.

    Args:
        node: node with the name of the bond.
        period: seconds between two heartbeats.
    """

    def __init__(self, node: Node, period: float) -> None:
        self._node, self._period = node, period
        self._instance = str(uuid.uuid4())
        self._state = State.WAITING
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"bond {node.get_name()}", daemon=True)

    def open(self) -> None:
        """Begin with the heartbeats. Call it in the thread of the executor."""
        self._publisher = self._node.create_publisher(Status, TOPIC, 5)
        group = _ReadByThread()
        self._subscription = self._node.create_subscription(Status, TOPIC, lambda _: None, QUEUE, callback_group=group)
        self._thread.start()

    def close(self) -> None:
        """Break the bond, so that the manager does not wait for heartbeats; returns within `BREAK_TIMEOUT`."""
        self._closing.set()
        self._thread.join()
        self._node.destroy_publisher(self._publisher)
        self._node.destroy_subscription(self._subscription)

    def _run(self) -> None:
        try:
            self._beat()
            self._break()
        except Exception:
            if self._node.context.ok():  # otherwise the process ends, and rclpy raises
                raise

    def _beat(self) -> None:
        """Send heartbeats until the bond is closed, broken by the other end, or not answered."""
        now = time.monotonic()
        due, give_up = now, now + CONNECT_TIMEOUT
        while not self._closing.is_set():
            self._listen()
            now = time.monotonic()
            if self._state is State.WAITING and now >= give_up:
                self._state = State.DEAD
            if self._state is State.DEAD:
                return
            if now >= due:
                self._publish(active=True)
                due = now + self._period
            self._closing.wait(min(due - now, LISTEN_PERIOD))

    def _break(self) -> None:
        """Report the end to the other end, and wait for its answer if there is one."""
        if self._state is State.WAITING:
            self._publish(active=False)
        elif self._state is State.ALIVE:
            self._state = State.BREAKING
            give_up = time.monotonic() + BREAK_TIMEOUT
            while self._state is State.BREAKING and time.monotonic() < give_up:
                self._publish(active=False)
                time.sleep(BREAK_PERIOD)
                self._listen()
        self._state = State.DEAD

    def _listen(self) -> None:
        handle = self._subscription.handle
        for _ in range(QUEUE):  # not for ever if somebody floods the topic
            with handle:  # it stays valid
                taken = handle.take_message(Status, False)
            if taken is None:
                return
            self._on_status(taken[0])

    def _on_status(self, status: Any) -> None:
        if status.id != self._node.get_name() or status.instance_id == self._instance:
            return  # another bond, or this end
        if status.active and self._state is State.WAITING:
            self._state = State.ALIVE
            self._node.get_logger().info("bonded with the lifecycle manager")
        elif not status.active:
            if self._state in (State.WAITING, State.ALIVE):
                self._publish(active=False)  # the answer, for which the other end waits
                self._node.get_logger().info("the lifecycle manager broke the bond")
            self._state = State.DEAD

    def _publish(self, *, active: bool) -> None:
        status = Status(id=self._node.get_name(), instance_id=self._instance, active=active)
        status.header.stamp = Time(nanoseconds=time.monotonic_ns()).to_msg()
        status.heartbeat_timeout, status.heartbeat_period = HEARTBEAT_TIMEOUT, self._period
        self._publisher.publish(status)


def open_bond(node: Node, period: float) -> Bond | None:
    """Open the bond of a node with its manager.

    Args:
        node: lifecycle node.
        period: seconds between two heartbeats.

    Returns:
        The bond; None if the period is zero, or if package bond is not installed, which the log reports.
    """
    if period == 0.0:
        return None
    if Status is None:
        node.get_logger().warning(
            "no bond: package bond is not installed. Only Nav2's lifecycle manager needs it: install the package, "
            "or set the manager's parameter bond_timeout to 0.0",
            once=True,
        )
        return None
    bond = Bond(node, period)
    bond.open()
    return bond


class _ReadByThread(CallbackGroup):
    """Group of entities that no executor waits for."""

    def can_execute(self, entity: Any) -> bool:
        """Return False."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Return False."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Do nothing: no execution begins."""
