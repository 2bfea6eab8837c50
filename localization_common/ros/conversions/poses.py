"""Poses, covariances and times: geometry_msgs and builtin_interfaces to arrays and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, Quaternion, Transform

from localization_common.errors import InputError
from localization_common.geometry import se3

try:
    import tf_transformations  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    tf_transformations = None

Array = npt.NDArray[np.float64]


def stamp_from_time(time: Time) -> int:
    """Nanoseconds of a message's stamp."""
    return int(time.sec) * 1_000_000_000 + int(time.nanosec)


def time_from_stamp(stamp: int) -> Time:
    """Message of a stamp in nanoseconds."""
    seconds, nanoseconds = divmod(int(stamp), 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds)


def matrix_from_pose(pose: Pose) -> Array:
    """Transform (4, 4) of a pose.

    Raises:
        InputError: a number is not finite, or the quaternion is not near norm 1.
    """
    return _matrix(pose.position, pose.orientation)


def matrix_from_transform(transform: Transform) -> Array:
    """Transform (4, 4) of a message; raises as `matrix_from_pose`."""
    return _matrix(transform.translation, transform.rotation)


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


def covariance_from_message(values: Any) -> Array:
    """Covariance (6, 6) of x y z rX rY rZ of a message's 36 numbers.

    Raises:
        InputError: a number is not finite or a variance is negative.
    """
    covariance = np.asarray(values, dtype=np.float64).reshape(6, 6)
    if not np.isfinite(covariance).all():
        raise InputError("covariance holds NaN or infinity")
    if (np.diag(covariance) < 0.0).any():
        raise InputError(f"covariance has a negative variance: {np.diag(covariance).tolist()}")
    return covariance


def covariance_from_planar(covariance: Array) -> Array:
    """Covariance (6, 6) of x y z rX rY rZ of one (3, 3) of x, y, yaw; what the plane fixes is zero, as in amcl."""
    full = np.zeros((6, 6))
    full[np.ix_((0, 1, 5), (0, 1, 5))] = covariance
    return full


def _matrix(position: Any, orientation: Any) -> Array:
    translation = np.array([position.x, position.y, position.z])
    xyzw = np.array([orientation.x, orientation.y, orientation.z, orientation.w])
    if not (np.isfinite(translation).all() and np.isfinite(xyzw).all()):
        raise InputError(f"pose is not finite: position {translation.tolist()}, orientation {xyzw.tolist()}")
    norm = float(np.linalg.norm(xyzw))
    if abs(norm - 1.0) > 0.1:
        raise InputError(f"quaternion {xyzw.tolist()} (x, y, z, w) has norm {norm:.3g}; it must be 1")
    if tf_transformations is None:
        return se3.from_parts(translation, np.roll(xyzw, 1))
    a_T_b = np.asarray(tf_transformations.quaternion_matrix(xyzw / norm), dtype=np.float64)
    a_T_b[:3, 3] = translation
    return a_T_b


def _quaternion(a_T_b: Array) -> Quaternion:
    if tf_transformations is None:
        w, x, y, z = se3.to_parts(a_T_b)[1]
    else:
        x, y, z, w = tf_transformations.quaternion_from_matrix(a_T_b)
    return Quaternion(x=float(x), y=float(y), z=float(z), w=float(w))
