"""A tiny random network and map as files, in milliseconds: for tests that need a localizer but no accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dmn_ros.checkpoint import network_camera, save_network
from dmn_ros.config import NetworkConfig
from dmn_ros.context_map import ContextMap
from dmn_ros.network.dmn import DMN

BOUNDS = (-4.0, -3.0, 4.0, 3.0)

TINY = NetworkConfig(
    image_width=32,
    image_height=24,
    block_widths=(8, 8),
    block_strides=((2, 2), (2, 2)),
    feature_channels=8,
    hidden_channels=8,
    key_size=8,
    value_size=8,
    pair_size=16,
    gate_size=16,
    nearest_views=4,
)


def tiny_network(seed: int = 0, config: NetworkConfig = TINY) -> DMN:
    """Network with random weights."""
    torch.manual_seed(seed)
    return DMN(config).eval()


def tiny_map(network: DMN, views: int = 6, seed: int = 0) -> ContextMap:
    """Map of random views within `BOUNDS`."""
    rng = np.random.default_rng(seed)
    config = network.config
    images = torch.from_numpy(rng.random((views, 3, config.image_height, config.image_width), dtype=np.float32))
    with torch.inference_mode():
        features = network.context_embedding(images)
    poses = np.stack([rng.uniform(-3.5, 3.5, views), rng.uniform(-2.5, 2.5, views), rng.uniform(-3, 3, views)], axis=1)
    return ContextMap(features, poses, BOUNDS, config.metres_per_unit, "map", network.context_fingerprint())


def write_tiny_files(directory: Path, seed: int = 0) -> tuple[Path, Path]:
    """Checkpoint and map (for a camera with 90 degrees of horizontal field of view) in this directory."""
    network = tiny_network(seed)
    checkpoint, map_path = directory / "dmn.safetensors", directory / "map.safetensors"
    save_network(checkpoint, network, network_camera(network.config, 90.0), {})
    tiny_map(network, seed=seed).save(map_path)
    return checkpoint, map_path
