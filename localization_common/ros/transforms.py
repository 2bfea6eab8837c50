"""TF behind one small interface: tf2_ros where it is installed, else our own buffer on /tf and /tf_static."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from localization_common.errors import InputError
from localization_common.geometry import se3
from localization_common.messages import frame_name, matrix_from_transform, stamp_of
from localization_common.ros.conversions import time_from_stamp, transform_from_matrix
from localization_common.ros.tf_buffer import TransformBuffer, TransformError

try:
    import tf2_ros
except ImportError:
    tf2_ros = None

Array = npt.NDArray[np.float64]


class Transforms(Protocol):
    """What the nodes need of TF. `lookup` must not be called from a callback: it waits."""

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float) -> Array:
        """target_T_source (4, 4) at a stamp in nanoseconds (None: the newest), within so many seconds.

        Raises:
            TransformError: not known by then.
        """

    def connected(self, target: str, source: str) -> bool:
        """Whether TF joins the two frames at any time."""

    def send(self, parent: str, child: str, parent_T_child: Array, stamp: int) -> None:
        """Broadcast one transform on /tf."""

    def clear(self) -> None:
        """Forget what moves, after a clock jumped back."""


def make_transforms(node: Node) -> Transforms:
    """TF for this node."""
    return Tf2Transforms(node) if tf2_ros is not None else OwnTransforms(node)


def map_T_odom(map_T_base: Array, odom_T_base: Array) -> Array:
    """The drift of the odometry, which REP-105 wants from a localizer instead of the pose: both at the same time."""
    return map_T_base @ se3.inverse(odom_T_base)


class OwnTransforms:
    """TF on our own buffer."""

    def __init__(self, node: Node) -> None:
        self._buffer = TransformBuffer()
        self._logger = node.get_logger()
        self._publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        group = MutuallyExclusiveCallbackGroup()
        node.create_subscription(TFMessage, "/tf", self._on_tf, QoSProfile(depth=100), callback_group=group)
        node.create_subscription(TFMessage, "/tf_static", self._on_static, latched, callback_group=group)

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float) -> Array:
        """See `Transforms.lookup`."""
        return self._buffer.lookup(target, source, stamp, timeout)

    def connected(self, target: str, source: str) -> bool:
        """See `Transforms.connected`."""
        return self._buffer.connected(target, source)

    def send(self, parent: str, child: str, parent_T_child: Array, stamp: int) -> None:
        """See `Transforms.send`."""
        self._publisher.publish(TFMessage(transforms=[transform_stamped(parent, child, parent_T_child, stamp)]))

    def clear(self) -> None:
        """See `Transforms.clear`."""
        self._buffer.clear()

    def _on_tf(self, msg: TFMessage) -> None:
        self._insert(msg, static=False)

    def _on_static(self, msg: TFMessage) -> None:
        self._insert(msg, static=True)

    def _insert(self, msg: TFMessage, *, static: bool) -> None:
        for t in msg.transforms:
            parent, child = frame_name(t.header.frame_id), frame_name(t.child_frame_id)
            try:
                matrix = matrix_from_transform(t.transform)
            except InputError as error:
                text = f"transform {parent} -> {child} is ignored: {error}"
                self._logger.warning(text, throttle_duration_sec=5.0)
                continue
            self._buffer.insert(parent, child, matrix, stamp_of(t.header), static=static)


class Tf2Transforms:
    """TF on tf2_ros."""

    def __init__(self, node: Node) -> None:
        self._buffer = tf2_ros.Buffer(node=node)
        self._listener = tf2_ros.TransformListener(self._buffer, node)
        self._broadcaster = tf2_ros.TransformBroadcaster(node)

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float) -> Array:
        """See `Transforms.lookup`."""
        time = Time() if stamp is None else Time(nanoseconds=stamp)
        try:
            found = self._buffer.lookup_transform(target, source, time, timeout=Duration(seconds=timeout))
        except tf2_ros.TransformException as error:
            raise TransformError(f"no transform from {source} to {target}: {error}") from error
        return matrix_from_transform(found.transform)

    def connected(self, target: str, source: str) -> bool:
        """See `Transforms.connected`."""
        return bool(self._buffer.can_transform(target, source, Time()))

    def send(self, parent: str, child: str, parent_T_child: Array, stamp: int) -> None:
        """See `Transforms.send`."""
        self._broadcaster.sendTransform(transform_stamped(parent, child, parent_T_child, stamp))

    def clear(self) -> None:
        """See `Transforms.clear`."""
        self._buffer.clear()


def transform_stamped(parent: str, child: str, parent_T_child: Array, stamp: int) -> TransformStamped:
    """Message of one transform (4, 4)."""
    message = TransformStamped(child_frame_id=child, transform=transform_from_matrix(parent_T_child))
    message.header.frame_id = parent
    message.header.stamp = time_from_stamp(stamp)
    return message
