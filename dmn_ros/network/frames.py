"""In which frame views are told to the network: the particle's (the paper's choice), or the map's, for the ablation."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from dmn_ros.network import egocentric


class Frame(Protocol):
    """Coordinate channels of a (particle, view) pair, and the same as a product, which is what makes them cheap.

    ``matrix(view) @ points(particle)`` is ``coordinates(particle, view)``.
    """

    channels: int

    def coordinates(self, particles: Tensor, view_poses: Tensor) -> Tensor:
        """Channels (..., C) of poses (..., 3), broadcast against each other."""

    def points(self, particles: Tensor) -> Tensor:
        """What of the channels belongs to particles (..., 3): (..., P)."""

    def matrix(self, view_poses: Tensor) -> Tensor:
        """What belongs to views (..., 3): (..., C, P)."""


class EgocentricFrame:
    """The view seen from the particle: x, y, cos yaw, sin yaw. Nothing changes when both move together."""

    channels = 4

    def coordinates(self, particles: Tensor, view_poses: Tensor) -> Tensor:
        """Channels (..., 4)."""
        return egocentric.coordinates(egocentric.relative(particles, view_poses))

    def points(self, particles: Tensor) -> Tensor:
        """(..., 4)."""
        return egocentric.particle_coordinates(particles)

    def matrix(self, view_poses: Tensor) -> Tensor:
        """(..., 4, 4)."""
        return egocentric.coordinate_matrix(view_poses)


class GlobalFrame:
    """Both poses in the map: x, y, cos yaw, sin yaw of the particle, and then of the view."""

    channels = 8

    def coordinates(self, particles: Tensor, view_poses: Tensor) -> Tensor:
        """Channels (..., 8)."""
        own, views = egocentric.coordinates(particles), egocentric.coordinates(view_poses)
        shape = (own + views).shape
        return torch.cat([own.expand(shape), views.expand(shape)], dim=-1)

    def points(self, particles: Tensor) -> Tensor:
        """(..., 5): the particle's channels, and 1."""
        return torch.cat([egocentric.coordinates(particles), torch.ones_like(particles[..., :1])], dim=-1)

    def matrix(self, view_poses: Tensor) -> Tensor:
        """(..., 8, 5)."""
        own = torch.eye(4, 5, dtype=view_poses.dtype, device=view_poses.device).expand(*view_poses.shape[:-1], 4, 5)
        views = torch.cat([torch.zeros_like(own[..., :4]), egocentric.coordinates(view_poses).unsqueeze(-1)], dim=-1)
        return torch.cat([own, views], dim=-2)


FRAMES: dict[str, Frame] = {"egocentric": EgocentricFrame(), "global": GlobalFrame()}
