"""Quaternions in torch, (..., 4), w first, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor


def normalize(q: Tensor) -> Tensor:
    """Unit quaternions; a zero quaternion stays finite."""
    return q / q.norm(dim=-1, keepdim=True).clamp_min(1e-8)


def conjugate(q: Tensor) -> Tensor:
    """Conjugate: the inverse rotation of a unit quaternion."""
    return torch.cat([q[..., :1], -q[..., 1:]], dim=-1)


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Hamilton product: first rotation b, then rotation a."""
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        dim=-1,
    )


def nearer_sign(q: Tensor, reference: Tensor) -> Tensor:
    """Choose the nearer one of q and -q to the reference: both are the same rotation."""
    dot = (q * reference).sum(-1, keepdim=True)
    return torch.where(dot < 0, -q, q)


def rotate(q: Tensor, v: Tensor) -> Tensor:
    """Vectors (..., 3) rotated by unit quaternions (..., 4)."""
    w, u = q[..., :1], q[..., 1:]
    t = 2.0 * torch.linalg.cross(u, v)
    return v + w * t + torch.linalg.cross(u, t)


def to_matrix(q: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    basis = torch.eye(3, dtype=q.dtype, device=q.device).expand(*q.shape[:-1], 3, 3)
    return rotate(q.unsqueeze(-2), basis).transpose(-1, -2)


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Angle in radians, 0..pi, between the rotations of two unit quaternions; accurate for small angles too."""
    d = multiply(conjugate(a), b)
    return 2.0 * torch.atan2(d[..., 1:].norm(dim=-1), d[..., 0].abs())


def from_matrix(rotation: Tensor) -> Tensor:
    """Unit quaternions (..., 4) of rotation matrices (..., 3, 3), differentiable everywhere (sign arbitrary)."""
    m = rotation
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    wx, wy, wz = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    # Rows of 4 q q^T: each is the quaternion times four times one of its elements; the longest is well conditioned.
    rows = torch.stack(
        [
            torch.stack([1.0 + xx + yy + zz, wx, wy, wz], dim=-1),
            torch.stack([wx, 1.0 + xx - yy - zz, xy, xz], dim=-1),
            torch.stack([wy, xy, 1.0 - xx + yy - zz, yz], dim=-1),
            torch.stack([wz, xz, yz, 1.0 - xx - yy + zz], dim=-1),
        ],
        dim=-2,
    )
    longest = rows.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    chosen = rows.gather(-2, longest[..., None, None].expand(*longest.shape, 1, 4)).squeeze(-2)
    return normalize(chosen)


def from_axes(axes: Tensor) -> Tensor:
    """Unit quaternions (..., 4) of two axes (..., 6), made orthonormal: the first two columns of the rotation matrix.

    Continuous over all rotations (Zhou et al., On the Continuity of Rotation Representations, CVPR 2019).
    """
    x = torch.nn.functional.normalize(axes[..., :3], dim=-1)
    y = axes[..., 3:]
    y = torch.nn.functional.normalize(y - (x * y).sum(-1, keepdim=True) * x, dim=-1)
    return from_matrix(torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1))


def rotation_vector(q: Tensor) -> Tensor:
    """Rotation vectors (..., 3), of length 0..pi radians, of unit quaternions (..., 4)."""
    q = torch.where(q[..., :1] < 0, -q, q)
    half_sine = q[..., 1:].norm(dim=-1, keepdim=True)
    return q[..., 1:] * (2.0 * torch.atan2(half_sine, q[..., :1]) / half_sine.clamp_min(1e-12))


def mean(q: Tensor) -> Tensor:
    """Mean rotation (..., 4) of S unit quaternions (S, ..., 4), whose signs do not matter.

    The eigenvector of the largest eigenvalue of the sum of q q^T (Markley et al., Averaging Quaternions, 2007).
    Repeated squaring of that matrix leaves only this eigenvector; it also works in ONNX, which has no operator for
    eigenvectors. Rotations without a mean, such as opposite ones, give an arbitrary result.
    """
    outer = (q[..., :, None] * q[..., None, :]).mean(0)
    for _ in range(10):
        outer = outer @ outer
        outer = outer / outer.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    longest = outer.diagonal(dim1=-2, dim2=-1).argmax(dim=-1)
    return normalize(outer.gather(-2, longest[..., None, None].expand(*longest.shape, 1, 4)).squeeze(-2))
