"""Odometry of a node: subscription, choice of one source, poses of the base, and the planar pose of a filter."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup

from localization_common.errors import InputError
from localization_common.geometry.odometry_integration import PlanarOdometry
from localization_common.messages import frame_name, matrix_from_pose, stamp_of
from localization_common.ros.camera_feed import Frame, image_qos
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_buffer import OdometryBuffer
from localization_common.ros.odometry_source import SILENCE, OdometrySource
from localization_common.ros.tf_buffer import TransformError

Array = npt.NDArray[np.float64]

#: Odometry that started again stays on /diagnostics for so many seconds.
SHOWN_FOR = 5.0


class OdometryInput:
    """Keeps the poses of the robot's base on `odom` after `subscribe`. A message that cannot be used is a diagnostic.

    Args:
        node: subscribes, and has the frames, the parameters and the monitor.
        timeout: returns the seconds that an image waits for odometry as new as itself.

    Attributes:
        buffer: poses odom_T_base of the last seconds.
    """

    def __init__(self, node: LocalizerNode[Any], timeout: Callable[[], float]) -> None:
        self._node, self._timeout = node, timeout
        self._topic = node.resolve_topic_name("odom")
        replayed = node.settings.process_all and bool(node.get_parameter("use_sim_time").value)
        self.buffer = OdometryBuffer(
            topic=self._topic,
            images=node.feed.topic,
            now=None if replayed else lambda: int(node.get_clock().now().nanoseconds),
        )
        self._source = OdometrySource()
        self._planar, self._restarts = PlanarOdometry(), 0
        self._arrived = -float("inf")
        self._subscribed = False

    def subscribe(self) -> None:
        """Subscribe `odom`, once."""
        if self._subscribed:
            return
        self._subscribed, node = True, self._node
        everything = node.settings.process_all
        qos = image_qos(reliable=everything, depth=node.settings.queue_size if everything else 100)
        group = MutuallyExclusiveCallbackGroup()
        node.create_subscription(Odometry, "odom", self._on_odometry, qos, callback_group=group)

    @property
    def silent(self) -> bool:
        """True if no usable odometry came for two seconds: then no image should wait for it."""
        return time.monotonic() - self._arrived > SILENCE

    def ready(self, frame: Frame) -> bool:
        """True if odometry reaches the stamp of the frame, or if the frame has waited for the timeout."""
        waited = time.monotonic() - frame.arrived
        return self.buffer.reaches(frame.stamp) or waited > self._timeout()

    @property
    def restarts(self) -> int:
        """Number of restarts of the odometry before the pose that `at` returned last."""
        return self._restarts

    def at(self, stamp: int, *, wait: bool = True) -> Array:
        """Return odom_T_base (4, 4) at a stamp in nanoseconds, interpolated; ``wait`` for it where frames may wait.

        Raises:
            OdometryError: the odometry does not reach the stamp in time, or begins after it.
        """
        restarts, patience = -1, self._node.patience(self._timeout()) if wait else 0.0
        while restarts != self.buffer.restarts:  # a callback may restart the buffer meanwhile
            restarts = self.buffer.restarts
            odom_T_base = self.buffer.at(stamp, patience, lambda: self._node.stopping)
        if self._restarts != restarts:
            self._restarts = restarts
            self._planar.restart()
        return odom_T_base

    def planar(self, odom_T_base: Array) -> Array:
        """Return the planar pose (3,) after the motion to this pose (4, 4), that `at` returned last."""
        return self._planar.step(odom_T_base)

    def reset(self) -> None:
        """Start a new planar pose at the origin."""
        self._planar.reset()

    def go_back(self, now: int) -> None:
        """Forget the poses of the time before a clock that jumped back to `now` (nanoseconds); start a planar pose."""
        self.buffer.forget_after(now)
        self._planar.reset()

    def _on_odometry(self, msg: Odometry) -> None:
        stamp, monitor = stamp_of(msg.header), self._node.monitor
        try:
            odom_T_child = matrix_from_pose(msg.pose.pose)
        except InputError as error:
            text = f"odometry on {self._topic} of {stamp * 1e-9:.3f} s is ignored: {error}"
            monitor.problem("odometry_message", Level.WARN, text)
            return
        frame, child = frame_name(msg.header.frame_id), frame_name(msg.child_frame_id)
        restarts = self.buffer.restarts
        if not self._is_of_robot(frame, child) or not self._is_chosen(frame, child):
            return
        child_T_base = self._child_T_base(child)
        if self.buffer.add(stamp, odom_T_child @ child_T_base, child_T_base).unconfirmed:
            text = (
                f"odometry on {self._topic} of {stamp * 1e-9:.3f} s is far off the one before: it is ignored unless "
                "the next one agrees"
            )
            monitor.problem("odometry_message", Level.WARN, text)
            return
        if self.buffer.restarts != restarts:
            text = (
                f"odometry on {self._topic} started again before {stamp * 1e-9:.3f} s: the motion until then is unknown"
            )
            monitor.problem("odometry_restart", Level.WARN, text, seconds=SHOWN_FOR)
        monitor.solved("odometry_message")
        self._arrived = time.monotonic()
        self._node.wake()

    def _is_of_robot(self, frame: str, child: str) -> bool:
        """True unless the frames of a message cannot be those of a robot's odometry, which is a diagnostic."""
        settings, base = self._node.settings, self._node.base_frame.name(self._node.settings.odom_frame_id)
        standing = (frame, settings.odom_frame_id, settings.global_frame_id)
        if not child or (child not in standing and frame != base and not self._stands(frame, child, base)):
            return True
        text = (
            f"odometry on {self._topic} from {frame!r} to {child!r} (child_frame_id) is ignored: that is no motion of "
            "the robot; its publisher must set frame_id to the odometry's frame, and child_frame_id to the robot's base"
        )
        self._node.monitor.problem("odometry_frame", Level.WARN, text)
        return False

    def _stands(self, frame: str, child: str, base: str) -> bool:
        """True if the base moves against the child in TF, and the child does not move in the odometry's frame.

        TF then joins both by the odometry itself, and its motion would count twice.
        """
        transforms = self._node.transforms
        moves = transforms.latest(child, base) not in (None, sys.maxsize)
        return moves and transforms.latest(frame, child) == sys.maxsize

    def _is_chosen(self, frame: str, child: str) -> bool:
        """True if odometry of these frames is used; False if an odometry that fits better comes, too."""
        odom, before = self._node.settings.odom_frame_id, self._source.used
        if not self._source.accepts(frame, child, odom=odom, base=self._node.base_frame.name(odom)):
            text = (
                f"odometry on {self._topic} from {frame!r} to {child!r} is ignored while that of {before} comes there, "
                "too: remap odom to a topic with one publisher"
            )
            self._node.monitor.problem("odometry_message", Level.WARN, text)
            return False
        if before and before != self._source.used:
            self.buffer.restart()
        return True

    def _child_T_base(self, child: str) -> Array:
        """Pose (4, 4) of the base in the child of the odometry, by TF; without TF the identity, with a warning."""
        base_frame, monitor = self._node.base_frame, self._node.monitor
        base_frame.odometry_child = child
        base = base_frame.name(self._node.settings.odom_frame_id)
        if not child or child == base:
            monitor.solved("odometry_frame")
            return np.eye(4)
        try:
            child_T_base = self._node.transforms.lookup(child, base, None)
        except TransformError:
            text = (
                f"odometry on {self._topic} is of {child!r} (child_frame_id), and TF does not join that to the base "
                f"{base!r}: set base_frame_id to {child!r}, publish the transform, or remap odom"
            )
            monitor.problem("odometry_frame", Level.WARN, text)
            return np.eye(4)
        monitor.solved("odometry_frame")
        return child_T_base
