"""Pose from a user or from RViz: checked, transformed to the map frame, moved to the present by the odometry."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseWithCovarianceStamped

from localization_common.errors import InputError
from localization_common.geometry import planar, se3
from localization_common.geometry.covariances import covariance_from_planar, is_covariance, planar_block
from localization_common.geometry.odometry_integration import rotate_covariance
from localization_common.messages import frame_name, matrix_from_pose, stamp_of
from localization_common.messages.poses import MAX_DISTANCE
from localization_common.ros.odometry_buffer import OdometryBuffer, OdometryError
from localization_common.ros.transforms import Transforms

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class InitialPose:
    """Pose of the base in some frame.

    Attributes:
        stamp: time of the pose, nanoseconds; 0 means now.
        frame_id: name of the frame.
        frame_T_base: pose (4, 4).
        covariance: covariance (6, 6) of x y z rX rY rZ about the axes of that frame.
        arrived: arrival of the message, `time.monotonic` seconds.
    """

    stamp: int
    frame_id: str
    frame_T_base: Array
    covariance: Array
    arrived: float = field(default_factory=time.monotonic)

    @property
    def planar(self) -> tuple[Array, Array]:
        """Planar mean (3,) and covariance (3, 3) of x, y, yaw."""
        return planar.from_se3(self.frame_T_base), planar_block(self.covariance)

    def in_frame(self, frame_id: str, transforms: Transforms, timeout: float) -> InitialPose:
        """Transform the pose to another frame with TF.

        Raises:
            TransformError: TF does not join the two frames.
        """
        if self.frame_id == frame_id:
            return self
        other_T_frame = transforms.lookup(frame_id, self.frame_id, self.stamp or None, timeout)
        covariance = rotate_covariance(self.covariance, other_T_frame[:3, :3])
        return replace(self, frame_id=frame_id, frame_T_base=other_T_frame @ self.frame_T_base, covariance=covariance)

    def moved_to(self, stamp: int, odom_T_base: Array, odometry: OdometryBuffer) -> tuple[Array, Array]:
        """Move the pose to a later stamp, at which the odometry is odom_T_base (4, 4).

        The robot may drive while a user sets the pose. Without a stamp, or without odometry at the stamp, the pose is
        used without this motion.

        Returns:
            Planar mean (3,) and covariance (3, 3).
        """
        moved = self
        if self.stamp:
            with contextlib.suppress(OdometryError):
                motion = se3.inverse(odometry.at(self.stamp, 0.0)) @ odom_T_base
                moved = replace(self, frame_T_base=self.frame_T_base @ motion)
        return moved.planar


def read_initial_pose(msg: PoseWithCovarianceStamped) -> InitialPose:
    """Check a message and return its pose.

    Raises:
        InputError: it has no frame, a number is not finite or too large for a place on Earth, the norm of its
            quaternion is not near 1, or its covariance of x, y and yaw is not symmetric and positive.
    """
    frame_id = frame_name(msg.header.frame_id)
    if not frame_id:
        raise InputError("its header has no frame_id")
    covariance = _covariance(np.array(msg.pose.covariance, dtype=np.float64).reshape(6, 6))
    frame_T_base = matrix_from_pose(msg.pose.pose)
    return InitialPose(stamp_of(msg.header), frame_id, frame_T_base, covariance)


def _covariance(given: Array) -> Array:
    """Check the entries of x, y and yaw of a covariance (6, 6); the others become zero if they are no covariance.

    Nav2 reads only x, y and yaw, so that many localizers write anything into the other entries.

    Raises:
        InputError: an entry is NaN or infinite, or x, y and yaw have no covariance.
    """
    if not np.isfinite(given).all():
        raise InputError("its covariance holds NaN or infinity")
    block = planar_block(given)
    if np.abs(block).max() > MAX_DISTANCE:
        raise InputError(f"its covariance has {np.abs(block).max():.3g}, more than {MAX_DISTANCE:.0e}")
    if not is_covariance(block):
        if (variances := np.diag(block)).min() < 0.0:
            raise InputError(f"its covariance has a negative variance of x, y or yaw: {variances.tolist()}")
        raise InputError("its covariance of x, y and yaw is not symmetric and positive")
    whole = is_covariance(given) and np.abs(given).max() <= MAX_DISTANCE
    return given if whole else covariance_from_planar(block)
