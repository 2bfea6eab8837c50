"""Poses from outside, of a user and of another localizer, that wait for the next image."""

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


class PoseInputs:
    """Subscribes `initialpose` and `proposal`. What cannot be used is a diagnostic, until the next one can.

    Args:
        node: that subscribes, and knows frames and parameters.
        odometry: takes a pose from its time to an image's.
    """

    def __init__(self, node: LocalizerNode[Any], odometry: OdometryBuffer) -> None:
        self._node, self._odometry = node, odometry
        self.initial: InitialPose | None = None
        self.proposal: InitialPose | None = None
        kind = PoseWithCovarianceStamped
        node.create_subscription(kind, "initialpose", self._on_initial, QoSProfile(depth=1))
        node.create_subscription(kind, "proposal", self._on_proposal, QoSProfile(depth=10))

    def begin(self, stamp: int, odom_T_base: Array, reset: Callable[[Array, Array], None]) -> InitialPose | None:
        """Reset to the mean and covariance that a user set; pending until `used`, when an image was weighed with it."""
        initial = self.initial
        if initial is None:
            return None
        try:
            reset(*self._placed(initial, stamp, odom_T_base))
        except LocalizationError as error:
            self._ignore("initialpose", error)
        else:
            self._node.monitor.solved("initialpose")
        return initial

    def used(self, initial: InitialPose | None) -> None:
        """What `begin` returned is done with, unless a newer one came meanwhile."""
        if self.initial is initial:
            self.initial = None

    def take_proposal(self, stamp: int, odom_T_base: Array, build: Callable[[Array, Array], T]) -> T | None:
        """What is built of the mean and covariance that another localizer said; it counts for one image."""
        proposal, self.proposal = self.proposal, None
        if proposal is None:
            return None
        try:
            built = build(*self._placed(proposal, stamp, odom_T_base))
        except LocalizationError as error:
            self._ignore("proposal", error)
            return None
        self._node.monitor.solved("proposal")
        return built

    def _on_initial(self, msg: PoseWithCovarianceStamped) -> None:
        """Accepted in every state; whether its frame is known shows when the next image needs it."""
        try:
            self.initial = read_initial_pose(msg)
        except InputError as error:
            self._ignore("initialpose", error)

    def _on_proposal(self, msg: PoseWithCovarianceStamped) -> None:
        try:
            self.proposal = read_initial_pose(msg)
        except InputError as error:
            self._ignore("proposal", error)

    def _placed(self, pose: InitialPose, stamp: int, odom_T_base: Array) -> tuple[Array, Array]:
        settings = self._node.settings
        known = pose.in_frame(settings.global_frame_id, self._node.transforms, settings.transform_timeout)
        return known.moved_to(stamp, odom_T_base, self._odometry)

    def _ignore(self, topic: str, error: LocalizationError) -> None:
        self._node.monitor.problem(topic, Level.WARN, f"{topic} is ignored: {error}")
