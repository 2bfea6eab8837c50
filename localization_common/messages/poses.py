"""Poses, transforms and covariances of messages to matrices."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.geometry import se3
from localization_common.messages.protocols import PoseMessage, TransformMessage
from localization_common.messages.stamps import stamp_of

Array = npt.NDArray[np.float64]

#: Largest distance in metres from a frame's origin; a position beyond is an error of the publisher.
MAX_DISTANCE = se3.FARTHEST
#: Types of messages with the pose of something in a frame.
POSE_TYPES = (
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/TransformStamped",
    "tf2_msgs/msg/TFMessage",
)


class StampedTransform(NamedTuple):
    """Pose of a frame in another one at a time.

    Attributes:
        stamp: nanoseconds.
        frame_id: name of the parent, without a leading ``/``.
        child_frame_id: name of the child; empty in messages that do not name it (PoseStamped).
        matrix: parent_T_child (4, 4).
    """

    stamp: int
    frame_id: str
    child_frame_id: str
    matrix: Array


class StampedTransforms(NamedTuple):
    """Content of one message: usable transforms, and one sentence for each unusable one."""

    found: list[StampedTransform]
    refused: list[str]


def matrix_from_pose(pose: PoseMessage) -> Array:
    """Transform (4, 4) of a geometry_msgs/Pose.

    Raises:
        InputError: a number is not finite, the position is beyond `MAX_DISTANCE`, or the quaternion is not near norm 1.
    """
    return _matrix(pose.position, pose.orientation)


def matrix_from_transform(transform: TransformMessage) -> Array:
    """Transform (4, 4) of a geometry_msgs/Transform; raises as `matrix_from_pose`."""
    return _matrix(transform.translation, transform.rotation)


def covariance_from(values: Any) -> Array:
    """Covariance (6, 6) of x y z rX rY rZ from a message's 36 numbers.

    Raises:
        InputError: there are not 36 numbers, one is not finite, or a variance is negative.
    """
    covariance = np.array(values, dtype=np.float64)
    if covariance.size != 36:
        raise InputError(f"covariance has {covariance.size} numbers, not 36")
    covariance = covariance.reshape(6, 6)
    if not np.isfinite(covariance).all():
        raise InputError("covariance holds NaN or infinity")
    if (np.diag(covariance) < 0.0).any():
        raise InputError(f"covariance has a negative variance: {np.diag(covariance).tolist()}")
    return covariance


def stamped_transforms(message: Any, msgtype: str) -> StampedTransforms:
    """Transforms of a message of one of `POSE_TYPES`.

    A wrong transform of a TFMessage leaves its other transforms usable.

    Raises:
        InputError: the type is another one.
    """
    if msgtype not in POSE_TYPES:
        raise InputError(f"type {msgtype} has no pose; types with a pose are {', '.join(POSE_TYPES)}")
    found, refused = [], []
    for part in message.transforms if msgtype == "tf2_msgs/msg/TFMessage" else [message]:
        stamp, frame = stamp_of(part.header), frame_name(part.header.frame_id)
        child = frame_name(getattr(part, "child_frame_id", ""))
        try:
            found.append(StampedTransform(stamp, frame, child, _matrix_of(part)))
        except InputError as error:
            refused.append(f"{frame}{f' to {child}' if child else ''} at {stamp} ns: {error}")
    return StampedTransforms(found, refused)


def frame_name(frame_id: str) -> str:
    """Frame without the leading ``/`` that ROS 1 wrote."""
    return str(frame_id).lstrip("/")


def _matrix_of(part: Any) -> Array:
    """Transform (4, 4) of a TransformStamped, PoseStamped, PoseWithCovarianceStamped or Odometry."""
    if hasattr(part, "transform"):
        return matrix_from_transform(part.transform)
    return matrix_from_pose(part.pose.pose if hasattr(part.pose, "pose") else part.pose)


def _matrix(position: Any, orientation: Any) -> Array:
    translation = [float(position.x), float(position.y), float(position.z)]
    x, y, z, w = xyzw = [float(getattr(orientation, name)) for name in "xyzw"]
    if not all(map(math.isfinite, (*translation, *xyzw))):
        raise InputError(f"pose is not finite: position {translation}, orientation {xyzw}")
    if max(map(abs, translation)) > MAX_DISTANCE:
        raise InputError(f"position {translation} is further than {MAX_DISTANCE:.0e} m from the frame's origin")
    norm = math.hypot(*xyzw)  # infinity for very large numbers, without a warning
    if abs(norm - 1.0) > 0.1:
        raise InputError(f"quaternion {xyzw} (x, y, z, w) has norm {norm:.3g}; it must be 1")
    return se3.from_parts(translation, (w, x, y, z))
