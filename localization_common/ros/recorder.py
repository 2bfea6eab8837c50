"""Recorder of the topics that nodes publish, as plain data with stamps, for evaluation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import OccupancyGrid, Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header, UInt64

from localization_common.messages import array_from, matrix_from_pose, stamp_of

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Record:
    """Recorded message.

    Attributes:
        stamp: stamp of the header, nanoseconds.
        received: time of arrival, `time.monotonic` seconds.
        frame_id: frame of the header.
    """

    stamp: int
    received: float
    frame_id: str


@dataclass(frozen=True)
class PoseRecord(Record):
    """Pose frame_T_body (4, 4) of a pose or odometry, with its covariance (6, 6), zero if the message has none."""

    matrix: Array
    covariance: Array


@dataclass(frozen=True)
class PosesRecord(Record):
    """Record of several poses (K, 4, 4)."""

    matrices: Array


@dataclass(frozen=True)
class ImageRecord(Record):
    """Image (H, W) or (H, W, C) in its encoding."""

    image: Array
    encoding: str


@dataclass(frozen=True)
class GridRecord(Record):
    """Occupancy (H, W) in 0..1, row 0 at min_y; NaN unknown; bounds (min_x, min_y, max_x, max_y) in metres."""

    occupancy: Array
    bounds: tuple[float, float, float, float]


@dataclass(frozen=True)
class CountRecord(Record):
    """Number; its message has no header, so stamp and frame are empty."""

    value: int


@dataclass(frozen=True)
class StatusRecord(Record):
    """Status of one node on /diagnostics."""

    name: str
    level: int
    message: str
    values: dict[str, str]


class Recorder:
    """Subscribes to topics and keeps all messages.

    Args:
        node: owner of the subscriptions; another thread spins it (`spinning`).
        topics: name -> message type, one of PoseWithCovarianceStamped, PoseStamped, Odometry, PoseArray, Image,
            OccupancyGrid, Header, UInt64 and DiagnosticArray.
        reliable: require reliable publishers.
    """

    def __init__(self, node: Node, topics: Mapping[str, type[Any]], *, reliable: bool = True) -> None:
        self._node = node
        self._records: dict[str, list[Any]] = {topic: [] for topic in topics}
        self._changed = threading.Condition()
        group = MutuallyExclusiveCallbackGroup()
        for topic, message_type in topics.items():
            convert = _CONVERSIONS[message_type]
            reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
            qos = QoSProfile(depth=1000, reliability=reliability)
            callback = self._callback(topic, convert)
            node.create_subscription(message_type, topic, callback, qos, callback_group=group)

    def of(self, topic: str) -> list[Any]:
        """Records of a topic so far, in order."""
        with self._changed:
            return list(self._records[topic])

    def latest(self, topic: str) -> Any:
        """Newest record of a topic, or None."""
        with self._changed:
            return self._records[topic][-1] if self._records[topic] else None

    def count(self, topic: str) -> int:
        """Number of messages of a topic so far."""
        with self._changed:
            return len(self._records[topic])

    def by_stamp(self, topic: str) -> dict[int, Any]:
        """Last record of each stamp."""
        return {record.stamp: record for record in self.of(topic)}

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition on the records is true; return False after timeout. Not for the thread that spins."""
        with self._changed:
            return self._changed.wait_for(condition, timeout)

    def _callback(self, topic: str, convert: Callable[[Any, float], list[Any]]) -> Callable[[Any], None]:
        def on_message(message: Any) -> None:
            records = convert(message, time.monotonic())
            with self._changed:
                self._records[topic].extend(records)
                self._changed.notify_all()

        return on_message


def _head(header: Header, received: float) -> tuple[int, float, str]:
    return stamp_of(header), received, str(header.frame_id)


def _covariance(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64).reshape(6, 6)


def _pose_with_covariance(msg: PoseWithCovarianceStamped | Odometry, received: float) -> list[PoseRecord]:
    covariance = _covariance(msg.pose.covariance)
    return [PoseRecord(*_head(msg.header, received), matrix_from_pose(msg.pose.pose), covariance)]


def _pose(msg: PoseStamped, received: float) -> list[PoseRecord]:
    return [PoseRecord(*_head(msg.header, received), matrix_from_pose(msg.pose), np.zeros((6, 6)))]


def _poses(msg: PoseArray, received: float) -> list[PosesRecord]:
    matrices = np.array([matrix_from_pose(pose) for pose in msg.poses]).reshape(-1, 4, 4)
    return [PosesRecord(*_head(msg.header, received), matrices)]


def _image(msg: Image, received: float) -> list[ImageRecord]:
    return [ImageRecord(*_head(msg.header, received), array_from(msg).copy(), str(msg.encoding))]


def _grid(msg: OccupancyGrid, received: float) -> list[GridRecord]:
    info = msg.info
    cells = np.asarray(msg.data, dtype=np.float64).reshape(info.height, info.width)
    x, y = info.origin.position.x, info.origin.position.y
    bounds = (x, y, x + info.width * info.resolution, y + info.height * info.resolution)
    return [GridRecord(*_head(msg.header, received), np.where(cells < 0, np.nan, cells / 100.0), bounds)]


def _count(msg: UInt64, received: float) -> list[CountRecord]:
    return [CountRecord(0, received, "", int(msg.data))]


def _header(msg: Header, received: float) -> list[Record]:
    return [Record(*_head(msg, received))]


def _diagnostics(msg: DiagnosticArray, received: float) -> list[StatusRecord]:
    head = _head(msg.header, received)
    return [
        StatusRecord(*head, s.name, int.from_bytes(s.level, "little"), s.message, {v.key: v.value for v in s.values})
        for s in msg.status
    ]


_CONVERSIONS: dict[type[Any], Callable[[Any, float], list[Any]]] = {
    PoseWithCovarianceStamped: _pose_with_covariance,
    Odometry: _pose_with_covariance,
    PoseStamped: _pose,
    PoseArray: _poses,
    Image: _image,
    OccupancyGrid: _grid,
    Header: _header,
    UInt64: _count,
    DiagnosticArray: _diagnostics,
}
