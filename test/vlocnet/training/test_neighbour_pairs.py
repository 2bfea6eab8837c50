"""Training of poses relative to neighbours."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from tiny_networks import make_config

from localization_common.geometry import quaternions
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.commands.train import train
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.neighbours import NeighbourRegressor
from vlocnet_ros.training import data
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.losses import Targets
from vlocnet_ros.training.neighbour_pairs import neighbour_loss
from vlocnet_ros.training.optimizer import OptimizerConfig


def targets(translation: torch.Tensor, yaw: torch.Tensor) -> Targets:
    half = 0.5 * yaw
    quaternion = torch.stack([half.cos(), 0 * half, 0 * half, half.sin()], dim=-1)
    own = torch.arange(len(yaw))
    return Targets(translation, quaternion, own, torch.zeros(len(yaw), dtype=torch.bool))


def test_only_pairs_that_see_the_same_are_compared(monkeypatch) -> None:
    """Give the true relative poses for the near pairs; the loss is zero only if it asks for these."""
    config = make_config(
        tasks=Tasks(odometry=False, segmentation=False, depth=False), regressor="neighbours", neighbours=4
    )
    regressor = NeighbourRegressor(16, config)
    place = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.5, 0.0, 0.0], [30.0, 0.0, 0.0]])
    truth = targets(place, torch.tensor([0.1, 0.4, 0.1 + math.pi, 0.1]))
    asked = []

    def relative(frames: torch.Tensor, neighbours: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pairs = torch.stack([frames[:, 0], neighbours[:, 0]], dim=-1).long()
        asked.append(pairs.tolist())
        inverse = quaternions.conjugate(truth.quaternion[pairs[:, 1]])
        moved = quaternions.rotate(inverse, place[pairs[:, 0]] - place[pairs[:, 1]])
        return moved, quaternions.multiply(inverse, truth.quaternion[pairs[:, 0]])

    monkeypatch.setattr(regressor, "relative", relative)
    numbers = torch.arange(4.0)[:, None]
    assert neighbour_loss(regressor, numbers, truth).item() < 1e-6
    assert asked == [[[0, 1], [1, 0]]]
    far = targets(place * 100.0, torch.zeros(4))
    assert neighbour_loss(regressor, numbers, far).item() == 0.0


def test_a_trained_network_finds_its_pose_between_the_frames_of_its_database(
    wall_sequence, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(data, "open_sequences", lambda *_, **__: [wall_sequence])
    config = TrainConfig(
        train=(Path("wall"),),
        output=tmp_path / "nnnet.safetensors",
        system="nnnet",
        width=64,
        height=48,
        batch=8,
        exclude="3",
        validate_every=40,
        optimizer=OptimizerConfig(steps=80, warmup=5, learning_rate=3e-3),
        augmentation=AugmentationConfig(viewpoint=0.0, shift=0, erase=0.0),
        progress_bar=False,
        precision="32-true",
        accelerator="cpu",
        runs=tmp_path,
    )
    checkpoint = train(config)
    known = checkpoint.network.pose.regressor
    np.testing.assert_allclose(known.known_translation[[0, -1], 0], [0.0, 0.35], atol=1e-6)
    assert known.known_features.abs().max() > 0.0
    found = evaluate(config.output, [wall_sequence], max_frame_gap=1).numbers
    # All frames lie within 35 cm; guessing the middle is off by 10 cm.
    assert found["regressed"]["median_m"] < 0.06
