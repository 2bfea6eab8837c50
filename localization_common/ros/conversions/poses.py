"""Conversion of poses, covariances and times to geometry_msgs and builtin_interfaces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, Quaternion, Transform

from localization_common.geometry import se3

try:
    import tf_transformations  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    tf_transformations = None

Array = npt.NDArray[np.float64]


def time_from_stamp(stamp: int) -> Time:
    """Message of a stamp in nanoseconds."""
    seconds, nanoseconds = divmod(int(stamp), 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds)


def pose_from_matrix(a_T_b: Array) -> Pose:
    """Message of a transform (4, 4)."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = (float(v) for v in a_T_b[:3, 3])
    pose.orientation = _quaternion(a_T_b)
    return pose


def transform_from_matrix(a_T_b: Array) -> Transform:
    """Message of a transform (4, 4)."""
    transform = Transform()
    t = transform.translation
    t.x, t.y, t.z = (float(v) for v in a_T_b[:3, 3])
    transform.rotation = _quaternion(a_T_b)
    return transform


def _quaternion(a_T_b: Array) -> Quaternion:
    if tf_transformations is None:
        w, x, y, z = se3.to_parts(a_T_b)[1]
    else:
        x, y, z, w = tf_transformations.quaternion_from_matrix(a_T_b)
    return Quaternion(x=float(x), y=float(y), z=float(z), w=float(w))
