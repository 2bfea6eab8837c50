"""Subscription to poses of a user or of another localizer, which are used at the next image."""

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

try:
    from nav2_msgs.srv import SetInitialPose
except ImportError:
    SetInitialPose = None

Array = npt.NDArray[np.float64]
T = TypeVar("T")
#: An ignored pose stays on /diagnostics for so many seconds.
SHOWN_FOR = 5.0


class PoseInput:
    """Subscribes to one topic and keeps its newest pose. An unusable pose is a problem on /diagnostics for some time.

    Args:
        node: owner of the subscription, with TF and parameters.
        topic: topic of PoseWithCovarianceStamped, also the key of the problem.
        odometry: moves a pose from its time to the time of an image.
        depth: length of the subscription's queue.
    """

    def __init__(self, node: LocalizerNode[Any], topic: str, odometry: OdometryBuffer, *, depth: int) -> None:
        self._node, self._topic, self._odometry = node, topic, odometry
        self.pending: InitialPose | None = None
        self._retried: InitialPose | None = None
        node.create_subscription(PoseWithCovarianceStamped, topic, self._on_pose, QoSProfile(depth=depth))

    def serve(self, name: str) -> None:
        """Offer amcl's service to set the pose, where nav2_msgs is installed."""
        if SetInitialPose is not None:
            self._node.create_service(SetInitialPose, name, self._on_request)

    def take(self) -> InitialPose | None:
        """Return the pending pose and remove it."""
        pose, self.pending = self.pending, None
        return pose

    def drop(self, pose: InitialPose | None) -> None:
        """Remove a used pose; a newer pose stays pending, and so does a pose whose transform may still arrive."""
        retried, self._retried = self._retried, None
        if self.pending is pose and (pose is None or retried is not pose):
            self.pending = None

    def place(
        self, pose: InitialPose | None, stamp: int, odom_T_base: Array, build: Callable[[Array, Array], T]
    ) -> T | None:
        """Call ``build`` with the pose's mean (3,) and covariance (3, 3) in the map at the time of an image.

        A pose in another frame may arrive before TF joins that frame to the map: then the next image tries again,
        until `transform_timeout` is over.

        Returns:
            Result of ``build``; None without a pose, or if it cannot be used now.
        """
        if pose is None:
            return None
        settings = self._node.settings
        try:
            patience = self._node.patience(settings.transform_timeout)
            in_map = pose.in_frame(settings.global_frame_id, self._node.transforms, patience)
            built = build(*in_map.moved_to(stamp, odom_T_base, self._odometry))
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
        """Keep a pose, in every state; its frame is checked when the next image uses it."""
        try:
            self.pending = read_initial_pose(msg)
        except InputError as error:
            self._ignore(error)

    def _on_request(self, request: Any, response: Any) -> Any:
        self._on_pose(request.pose)
        return response

    def _ignore(self, error: LocalizationError) -> None:
        self._node.monitor.problem(self._topic, Level.WARN, f"{self._topic} is ignored: {error}", seconds=SHOWN_FOR)
