"""Tiny worlds whose pictures are simple functions of their poses, and an observation model that reads them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from dmn_ros.network import egocentric
from dmn_ros.worlds.world_config import WorldTrainingConfig
from localization_common.datasets.worlds import WorldSet

QUICK = WorldTrainingConfig(
    particles=32,
    target_d=0.15,
    target_a=0.25,
    heading_after=0.0,
    worlds=4,
    trajectories=2,
    learning_rate=3e-3,
    mirror=0.0,
    recolour=0.0,
    quarter_turns=False,
    relight=False,
)


def circles(count: int = 12, views: int = 10, seed: int = 0) -> WorldSet:
    """Draw a ring of colours around the environment, with another phase in each world; a pixel column is a bearing."""
    random = np.random.default_rng(seed)
    poses = random.uniform([-0.9, -0.9, -np.pi], [0.9, 0.9, np.pi], (count, views, 3))
    angles = poses[..., 2:] - np.linspace(-np.pi / 4, np.pi / 4, 32)
    hit = poses[..., None, :2] + 1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    bearing = np.arctan2(hit[..., 1], hit[..., 0]) + random.uniform(-np.pi, np.pi, (count, 1, 1))
    row = np.stack([np.cos(bearing), np.sin(bearing), np.cos(3 * bearing)], axis=-1) * 120 + 127
    images = np.repeat(row[:, :, None], 32, axis=2).astype(np.uint8)
    return WorldSet("circles", images, poses.astype(np.float32), np.zeros((count, views), np.uint8))


def coded(count: int = 150, views: int = 10) -> WorldSet:
    """Draw pictures that encode their poses: x, y and yaw as red, green and blue, to a 255th."""
    random = np.random.default_rng(1)
    poses = random.uniform([-0.9, -0.9, -np.pi], [0.9, 0.9, np.pi], (count, views, 3)).astype(np.float32)
    colours = (poses / [2.0, 2.0, 2.0 * np.pi] + 0.5) * 255
    images = np.broadcast_to(colours.round().astype(np.uint8)[:, :, None, None], (count, views, 4, 4, 3))
    return WorldSet("coded", images.copy(), poses, np.zeros((count, views), np.uint8))


class CodedQuery(NamedTuple):
    poses: Tensor


class CodeReader(nn.Module):
    """Observation model that decodes the pose; with sharpness 0 its likelihood is constant."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness

    def prepare(self, views: Tensor, poses: Tensor, queries: Tensor) -> Any:
        assert views.shape[:2] == poses.shape[:2]
        return None, CodedQuery((queries.mean(dim=(-1, -2)) - 0.5) * torch.tensor([2.0, 2.0, 2.0 * torch.pi]))

    def log_likelihood(self, prepared: None, query: CodedQuery, particles: Tensor) -> Tensor:
        difference = particles - query.poses.unsqueeze(2)
        turn = egocentric.wrap_angle(difference[..., 2])
        return -self.sharpness * (difference[..., :2].square().sum(-1) + 0.1 * turn.square())

    def estimate(self, prepared: None, query: CodedQuery, beliefs: Tensor) -> Tensor:
        return query.poses
