"""Frames of the views' coordinates: the particle's frame (the paper's choice), or the map frame for the ablation."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from dmn_ros.network import egocentric


class CoordinateFrame(Protocol):
    """Coordinate channels of a (particle, view) pair, also as a product, which is fast.

    ``matrix(view) @ points(particle)`` is ``coordinates(particle, view)``.
    """

    channels: int

    def coordinates(self, particles: Tensor, view_poses: Tensor) -> Tensor:
        """Compute channels (..., C) of poses (..., 3), broadcast against each other."""

    def points(self, particles: Tensor) -> Tensor:
        """Part (..., P) of the channels that particles (..., 3) give."""

    def matrix(self, view_poses: Tensor) -> Tensor:
        """Part (..., C, P) of the channels that views (..., 3) give."""


class EgocentricFrame:
    """Pose of the view in the particle's frame: x, y, cos yaw, sin yaw. It does not change when both move together."""

    channels = 4

    def coordinates(self, particles: Tensor, view_poses: Tensor) -> Tensor:
        """Compute channels (..., 4)."""
        return egocentric.coordinates(egocentric.relative(particles, view_poses))

    def points(self, particles: Tensor) -> Tensor:
        """Part (..., 4) of particles."""
        return egocentric.particle_coordinates(particles)

    def matrix(self, view_poses: Tensor) -> Tensor:
        """Part (..., 4, 4) of views."""
        return egocentric.coordinate_matrix(view_poses)


class GlobalFrame:
    """Poses of particle and view in the map frame: x, y, cos yaw, sin yaw of the particle, and then of the view."""

    channels = 8

    def coordinates(self, particles: Tensor, view_poses: Tensor) -> Tensor:
        """Compute channels (..., 8)."""
        own, views = egocentric.coordinates(particles), egocentric.coordinates(view_poses)
        shape = (own + views).shape
        return torch.cat([own.expand(shape), views.expand(shape)], dim=-1)

    def points(self, particles: Tensor) -> Tensor:
        """Part (..., 5) of particles: their channels, and 1."""
        return torch.cat([egocentric.coordinates(particles), torch.ones_like(particles[..., :1])], dim=-1)

    def matrix(self, view_poses: Tensor) -> Tensor:
        """Part (..., 8, 5) of views."""
        own = torch.eye(4, 5, dtype=view_poses.dtype, device=view_poses.device).expand(*view_poses.shape[:-1], 4, 5)
        views = torch.cat([torch.zeros_like(own[..., :4]), egocentric.coordinates(view_poses).unsqueeze(-1)], dim=-1)
        return torch.cat([own, views], dim=-2)


COORDINATE_FRAMES: dict[str, CoordinateFrame] = {"egocentric": EgocentricFrame(), "global": GlobalFrame()}
