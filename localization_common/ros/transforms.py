"""TF of a node: checked transforms from /tf and /tf_static, and the transforms that the node sends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from localization_common.errors import InputError
from localization_common.messages import frame_name, matrix_from_transform, stamp_of
from localization_common.ros.conversions import time_from_stamp, transform_from_matrix
from localization_common.ros.estimate_checks import require_pose
from localization_common.ros.tf_advice import TfGraph, second_broadcaster
from localization_common.ros.tf_buffer import TransformBuffer
from localization_common.ros.timeline import JUMP

Array = npt.NDArray[np.float64]

#: Longest name of a frame, characters; longer names are an error of the publisher.
MAX_NAME = 256
#: Seconds without a message after which a broadcaster, this node or a second one, counts as stopped.
FORGOTTEN_AFTER = 5.0


class Transforms:
    """Receives and sends TF. Only `lookup` waits, and only with a timeout.

    Args:
        node: owner of the subscriptions and of the publisher.
        warn: called with a sentence for each ignored transform; by default the node logs it.
        passes: called with the name and the check of each transform to send; returns False if it must not be sent. By
            default the error is raised.
    """

    def __init__(
        self,
        node: Node,
        warn: Callable[[str], None] | None = None,
        passes: Callable[[str, Callable[[], None]], bool] | None = None,
    ) -> None:
        self._node, self._warn, self._passes = node, warn or node.get_logger().warning, passes or _passes
        self._buffer = TransformBuffer(now=lambda: int(node.get_clock().now().nanoseconds))
        self._listeners: list[Callable[[], None]] = []
        self._sent: dict[str, deque[tuple[str, int]]] = {}
        self._sent_at: dict[str, float] = {}
        self._others: dict[str, tuple[str, float]] = {}
        self._publisher = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        group = MutuallyExclusiveCallbackGroup()
        subscribe = node.create_subscription
        self._moving = subscribe(TFMessage, "/tf", self._on_tf, QoSProfile(depth=100), callback_group=group)
        self._static = subscribe(TFMessage, "/tf_static", self._on_static, latched, callback_group=group)

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Add a function that is called after every message of TF and must return at once."""
        self._listeners.append(listener)

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float = 0.0) -> Array:
        """Return target_T_source (4, 4) at a stamp in nanoseconds (None: the newest); wait ``timeout`` seconds for it.

        Raises:
            TransformError: TF does not have it in time.
        """
        return self._buffer.lookup(target, source, stamp, timeout)

    def connected(self, target: str, source: str) -> bool:
        """Return True if TF joins the two frames at any time."""
        return self._buffer.connected(target, source)

    def latest(self, target: str, source: str) -> int | None:
        """Newest stamp (nanoseconds) at which `lookup` succeeds; None if TF does not join the frames."""
        return self._buffer.latest(target, source)

    @property
    def frames(self) -> list[str]:
        """Names of all frames of TF, sorted."""
        return self._buffer.frames

    @property
    def graph(self) -> TfGraph:
        """Present publishers of TF."""
        return TfGraph.of(self._node, str(self._moving.topic_name), str(self._static.topic_name))

    def send(self, parent: str, child: str, parent_T_child: Array, stamp: int) -> None:
        """Broadcast one transform on /tf, if it passes the check of poses."""
        name = f"transform {parent} -> {child}"
        if not self._passes(name, lambda: require_pose(name, parent_T_child)):
            return
        self._sent.setdefault(child, deque(maxlen=500)).append((parent, stamp))
        self._sent_at[child] = time.monotonic()
        self._publisher.publish(TFMessage(transforms=[transform_stamped(parent, child, parent_T_child, stamp)]))

    @property
    def second_broadcaster(self) -> str:
        """Warning if another node broadcasts a frame that this node broadcasts, or an empty string."""
        now = time.monotonic()
        for child, (parent, received) in list(self._others.items()):
            if max(now - received, now - self._sent_at[child]) < FORGOTTEN_AFTER:
                return second_broadcaster(parent, child, self._sent[child][-1][0], self.graph)
        return ""

    def clear(self) -> None:
        """Forget moving frames after a jump of the clock."""
        self._buffer.clear()
        self._others.clear()

    def _on_tf(self, msg: TFMessage) -> None:
        self._insert(msg, static=False)

    def _on_static(self, msg: TFMessage) -> None:
        self._insert(msg, static=True)

    def _insert(self, msg: TFMessage, *, static: bool) -> None:
        for t in msg.transforms:
            parent, child = frame_name(t.header.frame_id), frame_name(t.child_frame_id)
            stamp = stamp_of(t.header)
            try:
                _check_names(parent, child)
                matrix = matrix_from_transform(t.transform)
            except InputError as error:
                self._warn(f"transform {parent[:MAX_NAME]!r} -> {child[:MAX_NAME]!r} is ignored: {error}")
                continue
            self._watch(parent, child, stamp, static=static)
            if self._buffer.insert(parent, child, matrix, stamp, static=static).unconfirmed:
                self._warn(
                    f"transform {parent} -> {child} is stamped {stamp * 1e-9:.3f} s, more than {JUMP * 1e-9:.0f} s off "
                    "those before it: it is ignored unless the next one agrees"
                )
        for listener in self._listeners:
            listener()

    def _watch(self, parent: str, child: str, stamp: int, *, static: bool) -> None:
        """Note a transform to a frame that this node broadcasts, too, if this node did not send it."""
        sent = self._sent.get(child)
        if not sent or ((parent, stamp) in tuple(sent) and not static):
            return
        self._others[child] = (parent, float("inf") if static else time.monotonic())


def _passes(name: str, check: Callable[[], None]) -> bool:
    check()
    return True


def _check_names(parent: str, child: str) -> None:
    """Refuse frames that no transform can join.

    Raises:
        InputError: a name is empty or longer than `MAX_NAME`, or both are the same.
    """
    if not parent or not child:
        raise InputError("a frame has no name: correct frame_id and child_frame_id in its publisher")
    if max(len(parent), len(child)) > MAX_NAME:
        raise InputError(f"the name of a frame has more than {MAX_NAME} characters")
    if parent == child:
        raise InputError("a frame cannot be its own parent")


def transform_stamped(parent: str, child: str, parent_T_child: Array, stamp: int) -> TransformStamped:
    """Message of one transform (4, 4)."""
    message = TransformStamped(child_frame_id=child, transform=transform_from_matrix(parent_T_child))
    message.header.frame_id = parent
    message.header.stamp = time_from_stamp(stamp)
    return message
