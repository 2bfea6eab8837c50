"""Output of a localizer's poses: ~/pose, amcl_pose, ~/quality, and the pose that is kept over a restart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseWithCovarianceStamped
from std_msgs.msg import Float32

from localization_common.ros.outputs import LATCHED, pose_message
from localization_common.ros.pose_memory import PoseMemory

if TYPE_CHECKING:
    from localization_common.ros.localizer_node import LocalizerNode

Array = npt.NDArray[np.float64]

#: Seconds without a finished frame after which there is no pose: at least, and at most.
_SILENCE, _LONGEST_SILENCE = 1.0, 5.0


class PoseOutput:
    """Publishes a pose, or that there is none.

    Attributes:
        memory: keeps the last pose over a restart.

    Args:
        node: owner of the publishers, with parameters and the check of estimates.
    """

    def __init__(self, node: LocalizerNode[Any]) -> None:
        self._node = node
        self.memory = PoseMemory(node)
        publisher = node.create_lifecycle_publisher
        self._poses = [publisher(PoseWithCovarianceStamped, "~/pose", LATCHED)]
        if node.settings.amcl_pose:
            self._poses.append(publisher(PoseWithCovarianceStamped, "amcl_pose", LATCHED))
        self._quality = publisher(Float32, "~/quality", 10)
        self._rated, self._pace = 0.0, 0.0  # monotonic time of the last quality, and seconds between the last two

    def publish(self, stamp: int, map_T_base: Array, covariance: Array, quality: float) -> bool:
        """Publish a pose; return False if it cannot be published, then the quality is 0.

        Args:
            stamp: nanoseconds.
            map_T_base: (4, 4).
            covariance: (6, 6) of x y z rX rY rZ.
            quality: probability that the pose is near the true one, see `geometry.pose_probability`.
        """
        if not self._node.results.publishable("pose", map_T_base, covariance):
            self.none()
            return False
        message = pose_message(stamp, self._node.settings.global_frame_id, map_T_base, covariance)
        for pose in self._poses:
            pose.publish(message)
        self._rate(quality)
        self.memory.add(stamp, map_T_base, covariance)
        return True

    def none(self) -> None:
        """Publish that there is no pose: quality 0."""
        self._rate(0.0)

    def check_silence(self) -> None:
        """Publish quality 0 if no frame was finished for a second, or for three frames of a slow camera."""
        silent = time.monotonic() - self._rated
        if silent > min(_LONGEST_SILENCE, max(_SILENCE, 3.0 * self._pace)):
            self._quality.publish(Float32(data=0.0))

    def _rate(self, quality: float) -> None:
        now = time.monotonic()
        self._rated, self._pace = now, now - self._rated
        self._quality.publish(Float32(data=float(quality)))
