"""Poses from outside, of a user or of another localizer, that wait for the next image."""

from __future__ import annotations

import time
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
from localization_common.ros.tf_buffer import TransformError

Array = npt.NDArray[np.float64]
T = TypeVar("T")
#: Seconds for which a pose that was ignored stays on /diagnostics.
SHOWN_FOR = 5.0


class PoseInput:
    """Subscribes one topic and keeps its newest pose. One that cannot be used is a diagnostic for some seconds.

    Args:
        node: that subscribes, and knows frames and parameters.
        topic: of PoseWithCovarianceStamped; names the diagnostic, too.
        odometry: takes a pose from its time to an image's.
        depth: of the subscription's queue.
    """

    def __init__(self, node: LocalizerNode[Any], topic: str, odometry: OdometryBuffer, *, depth: int) -> None:
        self._node, self._topic, self._odometry = node, topic, odometry
        self.pending: InitialPose | None = None
        self._retried: InitialPose | None = None
        node.create_subscription(PoseWithCovarianceStamped, topic, self._on_pose, QoSProfile(depth=depth))

    def take(self) -> InitialPose | None:
        """The pending pose, which is pending no longer."""
        pose, self.pending = self.pending, None
        return pose

    def drop(self, pose: InitialPose | None) -> None:
        """This one is done with; a newer one that came meanwhile stays pending, and one that TF may still reach."""
        retried, self._retried = self._retried, None
        if self.pending is pose and (pose is None or retried is not pose):
            self.pending = None

    def place(
        self, pose: InitialPose | None, stamp: int, odom_T_base: Array, build: Callable[[Array, Array], T]
    ) -> T | None:
        """Build something of a pose's mean (3,) and covariance (3, 3), in the map at an image's time; None if not now.

        A pose in another frame may come before TF joins that frame to the map: then the next image tries again, until
        `transform_timeout` is over.
        """
        if pose is None:
            return None
        settings = self._node.settings
        try:
            patience = self._node.patience(settings.transform_timeout)
            known = pose.in_frame(settings.global_frame_id, self._node.transforms, patience)
            built = build(*known.moved_to(stamp, odom_T_base, self._odometry))
        except TransformError as error:
            if time.monotonic() - pose.arrived < settings.transform_timeout and not settings.process_all:
                self._retried = pose
            else:
                self._ignore(error)
            return None
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
        self._node.monitor.problem(self._topic, Level.WARN, f"{self._topic} is ignored: {error}", seconds=SHOWN_FOR)
