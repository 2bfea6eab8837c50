"""Quaternions in torch, (..., 4), w first, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor


def normalize(q: Tensor) -> Tensor:
    """Unit quaternions; a zero quaternion stays finite."""
    return q / q.norm(dim=-1, keepdim=True).clamp_min(1e-8)


def conjugate(q: Tensor) -> Tensor:
    """Conjugate: the inverse rotation of a unit quaternion."""
    return q * q.new_tensor([1.0, -1.0, -1.0, -1.0])


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
    """q or -q, whichever is nearer to the reference: both are the same rotation."""
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
