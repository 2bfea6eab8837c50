"""Poses in the plane as (x, y, yaw) arrays (..., 3), metres and radians (NumPy, float64)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def wrap_angle(angle: npt.ArrayLike) -> Array:
    """Angle in [-pi, pi), equal up to whole turns."""
    wrapped = (np.asarray(angle, dtype=np.float64) + np.pi) % (2.0 * np.pi) - np.pi
    # Just under -pi, the remainder rounds up to a whole turn.
    return np.where(wrapped >= np.pi, -np.pi, wrapped)


def compose(a_T_b: Array, b_T_c: Array) -> Array:
    """Pose of c in a; both (..., 3), broadcast against each other."""
    cos, sin = np.cos(a_T_b[..., 2]), np.sin(a_T_b[..., 2])
    x = a_T_b[..., 0] + cos * b_T_c[..., 0] - sin * b_T_c[..., 1]
    y = a_T_b[..., 1] + sin * b_T_c[..., 0] + cos * b_T_c[..., 1]
    return np.stack([x, y, wrap_angle(a_T_b[..., 2] + b_T_c[..., 2])], axis=-1)


def inverse(a_T_b: Array) -> Array:
    """Pose of a in b."""
    cos, sin = np.cos(a_T_b[..., 2]), np.sin(a_T_b[..., 2])
    x, y = a_T_b[..., 0], a_T_b[..., 1]
    return np.stack([-cos * x - sin * y, sin * x - cos * y, wrap_angle(-a_T_b[..., 2])], axis=-1)


def relative(a_T_b: Array, a_T_c: Array) -> Array:
    """Pose of c in b, from both in a."""
    return compose(inverse(a_T_b), a_T_c)


def from_se3(map_T_base: Array) -> Array:
    """Planar poses (..., 3) of transforms (..., 4, 4): position and heading of the body's x axis in the x-y plane."""
    yaw = np.arctan2(map_T_base[..., 1, 0], map_T_base[..., 0, 0])
    return np.stack([map_T_base[..., 0, 3], map_T_base[..., 1, 3], yaw], axis=-1)


def to_se3(pose: Array) -> Array:
    """Transforms (..., 4, 4) at height zero, upright, of planar poses (..., 3)."""
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    a_T_b = np.zeros((*pose.shape[:-1], 4, 4))
    a_T_b[..., 0, 0], a_T_b[..., 0, 1], a_T_b[..., 0, 3] = cos, -sin, pose[..., 0]
    a_T_b[..., 1, 0], a_T_b[..., 1, 1], a_T_b[..., 1, 3] = sin, cos, pose[..., 1]
    a_T_b[..., 2, 2] = a_T_b[..., 3, 3] = 1.0
    return a_T_b
