"""Planar poses in torch: composition, and views as seen from particles (section 3, "Egocentric spatial attention")."""

from __future__ import annotations

import torch
from torch import Tensor


def wrap_angle(angle: Tensor) -> Tensor:
    """Wrap an angle to [-pi, pi)."""
    return torch.remainder(angle + torch.pi, 2.0 * torch.pi) - torch.pi


def compose(a_T_b: Tensor, b_T_c: Tensor) -> Tensor:
    """Pose of c in a; both (..., 3) as (x, y, yaw), broadcast against each other."""
    cos, sin = a_T_b[..., 2].cos(), a_T_b[..., 2].sin()
    x = a_T_b[..., 0] + cos * b_T_c[..., 0] - sin * b_T_c[..., 1]
    y = a_T_b[..., 1] + sin * b_T_c[..., 0] + cos * b_T_c[..., 1]
    return torch.stack([x, y, wrap_angle(a_T_b[..., 2] + b_T_c[..., 2])], dim=-1)


def relative(a_T_b: Tensor, a_T_c: Tensor) -> Tensor:
    """Pose of c in b, from both in a; (..., 3), broadcast."""
    dx, dy = a_T_c[..., 0] - a_T_b[..., 0], a_T_c[..., 1] - a_T_b[..., 1]
    cos, sin = a_T_b[..., 2].cos(), a_T_b[..., 2].sin()
    yaw = wrap_angle(a_T_c[..., 2] - a_T_b[..., 2])
    return torch.stack([cos * dx + sin * dy, -sin * dx + cos * dy, yaw], dim=-1)


def coordinates(particle_P_view: Tensor) -> Tensor:
    """Channels (..., 4) x, y, cos yaw, sin yaw of views in their particles' frames (..., 3)."""
    yaw = particle_P_view[..., 2:]
    return torch.cat([particle_P_view[..., :2], yaw.cos(), yaw.sin()], dim=-1)


def particle_coordinates(particles: Tensor) -> Tensor:
    """Part (..., 4) of `coordinates` that the particles (..., 3) give; `coordinate_matrix` multiplies it."""
    x, y, yaw = particles.unbind(-1)
    cos, sin = yaw.cos(), yaw.sin()
    return torch.stack([cos, sin, cos * x + sin * y, sin * x - cos * y], dim=-1)


def coordinate_matrix(view_poses: Tensor) -> Tensor:
    """Matrices (..., 4, 4) of views (..., 3): `coordinates` are bilinear in particle and view.

    ``coordinate_matrix(view) @ particle_coordinates(particle)`` is ``coordinates(relative(particle, view))``.
    """
    x, y, yaw = view_poses.unbind(-1)
    cos, sin, zero, one = yaw.cos(), yaw.sin(), torch.zeros_like(x), torch.ones_like(x)
    rows = [[x, y, -one, zero], [y, -x, zero, one], [cos, sin, zero, zero], [sin, -cos, zero, zero]]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def moving_points(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices (..., P, 5) that give x, y and z of points (..., P, 3) after a planar motion, times `point_motion`."""
    x, y, z = points.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return (
        torch.stack([x, -y, one, zero, zero], dim=-1),
        torch.stack([y, x, zero, one, zero], dim=-1),
        torch.stack([zero, zero, zero, zero, z], dim=-1),
    )


def point_motion(a_T_b: Tensor) -> Tensor:
    """Columns (..., 5, M) of planar poses (..., M, 3) that take `moving_points` in b to a."""
    x, y, yaw = a_T_b.unbind(-1)
    return torch.stack([yaw.cos(), yaw.sin(), x, y, torch.ones_like(x)], dim=-2)


def fourier_features(particle_P_view: Tensor, frequencies: tuple[float, ...]) -> Tensor:
    """Compute relative coordinates, from both sides, with sines and cosines of them.

    Args:
        particle_P_view: (..., 3) views in their particles' frames, map units.
        frequencies: radians per map unit.

    Returns:
        (..., 4 + 8 F + 6): the view in the particle's frame and the particle in the view's frame (x, y each), their
        sines and cosines at F frequencies, and cosines and sines of 1, 2 and 4 times the yaw.
    """
    x, y, yaw = particle_P_view.unbind(-1)
    cos, sin = yaw.cos(), yaw.sin()
    both = torch.stack([x, y, -cos * x - sin * y, sin * x - cos * y], dim=-1)
    waves = (both.unsqueeze(-1) * both.new_tensor(frequencies)).flatten(-2)
    turns = yaw.unsqueeze(-1) * yaw.new_tensor([1.0, 2.0, 4.0])
    return torch.cat([both, waves.sin(), waves.cos(), turns.cos(), turns.sin()], dim=-1)


def fourier_size(frequencies: tuple[float, ...]) -> int:
    """Number of `fourier_features`."""
    return 4 + 8 * len(frequencies) + 6


def nearest_views(view_poses: Tensor, particles: Tensor, count: int, reach: float, *, in_order: bool = False) -> Tensor:
    """Find the indices (..., K, n) of the views whose pictures are most like that of a camera at each particle.

    The distance is the sum of the squared distances of the positions and of the points ``reach`` ahead: poses are near
    each other if their positions and the points that they look at are near.

    Args:
        view_poses: (..., N, 3).
        particles: (..., K, 3).
        count: n; at most N are returned.
        reach: distance of the point ahead, in the poses' unit.
        in_order: True sorts by distance; costs a little more.
    """

    def signature(pose: Tensor) -> Tensor:
        ahead = torch.stack([pose[..., 2].cos(), pose[..., 2].sin()], dim=-1) * reach
        return torch.cat([pose[..., :2], pose[..., :2] + ahead], dim=-1)

    views, points = signature(view_poses), signature(particles)
    # |a - b|^2 without |a|^2, which is the same for every view of a particle
    score = views.square().sum(-1).unsqueeze(-2) - 2.0 * points @ views.transpose(-1, -2)
    if count == 1:
        return score.min(dim=-1, keepdim=True).indices  # a third of the time of `topk`
    return score.topk(min(count, view_poses.shape[-2]), dim=-1, largest=False, sorted=in_order).indices
