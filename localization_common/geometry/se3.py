"""Rigid transforms in space as 4x4 homogeneous matrices (NumPy, float64)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from transforms3d import quaternions

Array = npt.NDArray[np.float64]

#: Largest coordinate in metres; a position beyond is none on Earth.
FARTHEST = 1e7
#: Rotation from an optical frame (x right, y down, z forward) to a body frame (x forward, y left, z up), REP-103.
BODY_R_OPTICAL: Array = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
BODY_T_OPTICAL: Array = np.block([[BODY_R_OPTICAL, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])


def from_parts(translation: npt.ArrayLike, quaternion: npt.ArrayLike) -> Array:
    """Transform from a translation (3,) in metres and a quaternion (4,), w first, of any positive norm.

    Raises:
        ValueError: the quaternion's norm is zero or not finite, or the position is beyond `FARTHEST`.
    """
    q = np.asarray(quaternion, dtype=np.float64)
    norm = math.hypot(*q)
    if not np.isfinite(norm) or norm < 1e-9:
        raise ValueError(f"quaternion {q.tolist()} has norm {norm}; it must be positive and finite")
    if np.abs(translation).max() > FARTHEST:
        where = np.asarray(translation, dtype=np.float64).tolist()
        raise ValueError(f"position {where} holds infinity, or is beyond {FARTHEST:.0e} m from the origin")
    a_T_b = np.eye(4)
    a_T_b[:3, :3] = quaternions.quat2mat(q / norm)
    a_T_b[:3, 3] = translation
    return a_T_b


def to_parts(a_T_b: Array) -> tuple[Array, Array]:
    """Translation (3,) and unit quaternion (4,), w first and w >= 0, of a transform (4, 4)."""
    return a_T_b[:3, 3].copy(), np.asarray(quaternions.mat2quat(a_T_b[:3, :3]), dtype=np.float64)


def nearest_rotation(matrix: Array) -> Array:
    """Rotation (3, 3) nearest to a matrix (3, 3), such as a mean of rotations, by its singular values."""
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right)


def inverse(a_T_b: Array) -> Array:
    """Inverse of rigid transforms (..., 4, 4), exact in the rotation (a transpose, not a matrix inversion)."""
    rotation_t = np.swapaxes(a_T_b[..., :3, :3], -1, -2)
    b_T_a = np.zeros_like(a_T_b)
    b_T_a[..., :3, :3] = rotation_t
    b_T_a[..., :3, 3] = -np.einsum("...ij,...j->...i", rotation_t, a_T_b[..., :3, 3])
    b_T_a[..., 3, 3] = 1.0
    return b_T_a


def nearest_rigid(a_T_b: Array, *, tolerance: float = 0.01) -> Array:
    """Rigid transforms (..., 4, 4) nearest to almost rigid ones: rotations are made orthonormal (by their SVD).

    Raises:
        ValueError: an entry is not finite, the last row is not 0 0 0 1, or a rotation's entries are off by more than
            ``tolerance`` (scaled, sheared or mirrored), or a position is beyond `FARTHEST`.
    """
    if not np.isfinite(a_T_b).all():
        raise ValueError("the transform holds NaN or infinity")
    if np.abs(a_T_b[..., :3, 3]).max(initial=0.0) > FARTHEST:
        raise ValueError(f"the position is beyond {FARTHEST:.0e} m from the origin")
    if not np.allclose(a_T_b[..., 3, :], [0.0, 0.0, 0.0, 1.0], atol=1e-6):
        raise ValueError("the transform's last row is not 0 0 0 1")
    left, _, right = np.linalg.svd(a_T_b[..., :3, :3])
    rotation = left @ right
    error = float(np.abs(rotation - a_T_b[..., :3, :3]).max(initial=0.0))
    if error > tolerance or (np.linalg.det(rotation) < 0).any():
        raise ValueError(f"the transform's 3x3 part is no rotation (off by {error:.3g})")
    result = a_T_b.copy()
    result[..., :3, :3] = rotation
    return result


def rotation_angle(rotation: Array) -> Array:
    """Angle in radians, 0..pi, of rotation matrices (..., 3, 3); accurate for small angles too."""
    skew = np.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        axis=-1,
    )
    trace = np.trace(rotation, axis1=-2, axis2=-1)
    return np.asarray(np.arctan2(np.linalg.norm(skew, axis=-1), trace - 1.0))


def within(a_T_b: Array, a_T_c: Array, metres: float, radians: float) -> bool:
    """Return True if two poses (4, 4) differ by no more than a distance and an angle."""
    close = float(np.linalg.norm(a_T_c[:3, 3] - a_T_b[:3, 3])) <= metres
    return close and float(rotation_angle(a_T_b[:3, :3].T @ a_T_c[:3, :3])) <= radians


def interpolate(a_T_b: Array, a_T_c: Array, fraction: float) -> Array:
    """Transform between two: linear in the translation, spherical linear in the rotation; fraction 0..1."""
    axis, angle = quaternions.quat2axangle(quaternions.mat2quat(a_T_b[:3, :3].T @ a_T_c[:3, :3]))
    angle = (angle + np.pi) % (2.0 * np.pi) - np.pi
    result = np.eye(4)
    result[:3, :3] = a_T_b[:3, :3] @ quaternions.quat2mat(quaternions.axangle2quat(axis, fraction * angle))
    result[:3, 3] = (1.0 - fraction) * a_T_b[:3, 3] + fraction * a_T_c[:3, 3]
    return result


def log(a_T_b: Array) -> Array:
    """Constant twist (6,) x y z rX rY rZ in b's axes that takes a to b in one unit of time."""
    axis, angle = quaternions.quat2axangle(quaternions.mat2quat(a_T_b[:3, :3]))
    angle = (angle + np.pi) % (2.0 * np.pi) - np.pi
    omega = np.asarray(axis) * angle
    cross = cross_matrix(omega)
    half = angle / 2.0
    factor = 1.0 / 12.0 if abs(angle) < 1e-4 else (1.0 - half / np.tan(half)) / angle**2
    inverse_left_jacobian = np.eye(3) - 0.5 * cross + factor * cross @ cross
    return np.concatenate([inverse_left_jacobian @ a_T_b[:3, 3], omega])


def exp(twist: Array) -> Array:
    """Transform a_T_b (4, 4) after one unit of time with a constant twist (6,) x y z rX rY rZ; inverse of `log`."""
    omega = twist[3:]
    angle = float(np.linalg.norm(omega))
    cross = cross_matrix(omega)
    if angle < 1e-4:
        first, second, third = 1.0 - angle**2 / 6.0, 0.5 - angle**2 / 24.0, 1.0 / 6.0 - angle**2 / 120.0
    else:
        first, second = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle**2
        third = (angle - np.sin(angle)) / angle**3
    a_T_b = np.eye(4)
    a_T_b[:3, :3] += first * cross + second * cross @ cross
    a_T_b[:3, 3] = (np.eye(3) + second * cross + third * cross @ cross) @ twist[:3]
    return a_T_b


def cross_matrix(vector: npt.NDArray[Any]) -> Array:
    """Skew-symmetric matrices (..., 3, 3) of vectors (..., 3): ``cross_matrix(a) @ b`` is the cross product a x b."""
    matrix = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    matrix[..., 0, 1], matrix[..., 0, 2] = -z, y
    matrix[..., 1, 0], matrix[..., 1, 2] = z, -x
    matrix[..., 2, 0], matrix[..., 2, 1] = -y, x
    return matrix
