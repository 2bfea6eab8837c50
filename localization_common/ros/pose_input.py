"""Poses from outside, of a user or of another localizer, that wait for the next image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.qos import QoSProfile

from localization_common.errors import InputError, LocalizationError
from localization_common.ros.initial_pose import InitialPose, read_initial_pose
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_buffer import OdometryBuffer

Array = npt.NDArray[np.float64]
T = TypeVar("T")


class PoseInput:
    """Subscribes one topic and keeps its newest pose. One that cannot be used is a diagnostic, until the next one can.

    Args:
        node: that subscribes, and knows frames and parameters.
        topic: of PoseWithCovarianceStamped; names the diagnostic, too.
        odometry: takes a pose from its time to an image's.
        depth: of the subscription's queue.
    """

    def __init__(self, node: LocalizerNode[Any], topic: str, odometry: OdometryBuffer, *, depth: int) -> None:
        self._node, self._topic, self._odometry = node, topic, odometry
        self.pending: InitialPose | None = None
        node.create_subscription(PoseWithCovarianceStamped, topic, self._on_pose, QoSProfile(depth=depth))

    def take(self) -> InitialPose | None:
        """The pending pose, which is pending no longer."""
        pose, self.pending = self.pending, None
        return pose

    def drop(self, pose: InitialPose | None) -> None:
        """This one is done with; a newer one that came meanwhile stays pending."""
        if self.pending is pose:
            self.pending = None

    def place(
        self, pose: InitialPose | None, stamp: int, odom_T_base: Array, build: Callable[[Array, Array], T]
    ) -> T | None:
        """What is built of a pose's mean (3,) and covariance (3, 3), in the map at an image's time; None if nothing."""
        if pose is None:
            return None
        settings = self._node.settings
        try:
            known = pose.in_frame(settings.global_frame_id, self._node.transforms, settings.transform_timeout)
            built = build(*known.moved_to(stamp, odom_T_base, self._odometry))
        except LocalizationError as error:
            self._ignore(error)
            return None
        self._node.monitor.solved(self._topic)
        return built

    def _on_pose(self, msg: PoseWithCovarianceStamped) -> None:
        """Accepted in every state; whether its frame is known shows when the next image needs it."""
        try:
            self.pending = read_initial_pose(msg)
        except InputError as error:
            self._ignore(error)

    def _ignore(self, error: LocalizationError) -> None:
        self._node.monitor.problem(self._topic, Level.WARN, f"{self._topic} is ignored: {error}")
