"""Node that records topics of localizers and plays drives to them, for programs that do not import ROS."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid, Odometry
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header, UInt64

from localization_common.datasets.sequence import Sequence
from localization_common.errors import NotReadyError
from localization_common.ros.recorder import Recorder, StatusRecord
from localization_common.ros.sequence_player import SequencePlayer
from localization_common.ros.spinning import spinning

#: Kinds of topics that can be recorded.
KINDS: Mapping[str, type[Any]] = {
    "pose": PoseWithCovarianceStamped,
    "pose_stamped": PoseStamped,
    "poses": PoseArray,
    "odometry": Odometry,
    "image": Image,
    "grid": OccupancyGrid,
    "header": Header,
    "count": UInt64,
}

DIAGNOSTICS = "/diagnostics"


class Listener:
    """Records topics and the diagnostics of nodes; see `listening`."""

    def __init__(self, node: Node, topics: Mapping[str, str]) -> None:
        self._node, self._topics = node, tuple(topics)
        self.recorder = Recorder(node, {**_types(topics), DIAGNOSTICS: DiagnosticArray})

    def another(self, topics: Mapping[str, str]) -> Recorder:
        """Make a further recorder, whose topics are subscribed to from now on."""
        return Recorder(self._node, _types(topics))

    def player(self, sequence: Sequence, *, base_frame: str, odometry: bool) -> SequencePlayer:
        """Make a player of a drive; its topics are advertised at once. See `SequencePlayer`."""
        return SequencePlayer(self._node, sequence, base_frame=base_frame, odometry=odometry)

    def status(self, node: str) -> StatusRecord | None:
        """Newest diagnostics of a node, by its full name such as ``/vlocnet``."""
        records = [one for one in self.recorder.of(DIAGNOSTICS) if one.name == node]
        return records[-1] if records else None

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition is true; return False after ``timeout`` seconds.

        It is evaluated after each recorded message and twice a second, so that it can also watch processes.
        """
        give_up = time.monotonic() + timeout
        while not self.recorder.wait_for(condition, min(0.5, max(0.0, give_up - time.monotonic()))):
            if time.monotonic() >= give_up:
                return False
        return True

    def missing_publishers(self) -> list[str]:
        """Return the recorded topics that have no publisher yet."""
        return [topic for topic in self._topics if self._node.count_publishers(topic) == 0]

    def wait_for_status(self, nodes: Collection[str], *, timeout: float) -> None:
        """Wait for a new diagnostics message of each of these nodes.

        Raises:
            NotReadyError: a node sent none in time.
        """
        seen = {node: self._count(node) for node in nodes}
        if not self.recorder.wait_for(lambda: all(self._count(node) > seen[node] for node in nodes), timeout):
            silent = [node for node in nodes if self._count(node) == seen[node]]
            raise NotReadyError(f"no diagnostics from {', '.join(silent)} within {timeout:.0f} s")

    def _count(self, node: str) -> int:
        return sum(one.name == node for one in self.recorder.of(DIAGNOSTICS))


def _types(topics: Mapping[str, str]) -> dict[str, type[Any]]:
    return {topic: KINDS[kind] for topic, kind in topics.items()}


@contextmanager
def listening(topics: Mapping[str, str], *, domain: int, name: str = "evaluation") -> Iterator[Listener]:
    """Listener of topics (name -> one of `KINDS`) in a ROS domain, spun by its own thread until the block ends.

    Discovery range and Fast DDS profile are those of the environment variables.
    """
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    try:
        node = Node(name, context=context)
        try:
            listener = Listener(node, topics)
            with spinning(node):
                yield listener
        finally:
            node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)
