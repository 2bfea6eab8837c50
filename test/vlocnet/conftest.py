"""Fixtures: a tiny network with every part of the real one, and a small textured scene with known geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config, randomize_statistics

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime import checkpoint
from vlocnet_ros.training.training_frames import TrainingFrames, network_camera


@pytest.fixture(autouse=True)
def _one_thread_and_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def tiny_config() -> VLocNetConfig:
    return make_config()


@pytest.fixture
def tiny_network(tiny_config: VLocNetConfig) -> VLocNet:
    network = VLocNet(tiny_config)
    randomize_statistics(network)
    return network.eval()


@pytest.fixture
def tiny_checkpoint(tmp_path: Path, tiny_network: VLocNet) -> Path:
    path = tmp_path / "tiny.safetensors"
    checkpoint.save_vlocnet(path, tiny_network, class_names=("floor", "wall", "thing"))
    return path


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 3, HEIGHT, WIDTH)


@pytest.fixture
def wall_sequence() -> Sequence:
    """Sequence of a camera two metres before a textured wall that moves to the right by 5 cm a frame."""
    camera = Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0)
    n, distance = 8, 2.0
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 255, (40, 80, 3), dtype=np.uint8)
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (u - camera.cx) / camera.fx * distance, (v - camera.cy) / camera.fy * distance
    poses = np.tile(np.eye(4), (n, 1, 1))
    poses[:, 0, 3] = 0.05 * np.arange(n)

    def columns(i: int) -> np.ndarray:
        return np.clip(((x + poses[i, 0, 3] + 4.0) * 10.0).astype(int), 0, 79)

    def image(i: int) -> np.ndarray:
        return texture[np.clip(((y + 2.0) * 10.0).astype(int), 0, 39), columns(i)]

    return Sequence(
        name="wall",
        camera=camera,
        frame_numbers=np.arange(n),
        stamps=(1 + np.arange(n)) * 100_000_000,
        map_T_camera=poses,
        read_image=image,
        read_depth=lambda i: np.full((camera.height, camera.width), distance, dtype=np.float32),
        read_labels=lambda i: (columns(i) // 30).astype(np.uint8),
        class_names=("left", "middle", "right"),
    )


@pytest.fixture
def frames(wall_sequence: Sequence) -> TrainingFrames:
    """Frames of the wall with the tiny network's camera."""
    return TrainingFrames.read([wall_sequence], network_camera(wall_sequence.camera, WIDTH, HEIGHT))
