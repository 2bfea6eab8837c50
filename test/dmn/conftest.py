"""Tiny random network and map, made in milliseconds: for tests that need a localizer but no accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import network_camera, save_network

BOUNDS = (-4.0, -3.0, 4.0, 3.0)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Run torch on one thread: these tests share their cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny_config() -> NetworkConfig:
    """Sizes of a matching network with few channels."""
    return NetworkConfig(
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


@pytest.fixture
def projection_config() -> NetworkConfig:
    """Sizes of a projection network: square pictures with grids of 4 x 4 cells."""
    return replace(
        NetworkConfig.paper(),
        image_width=16,
        image_height=16,
        block_widths=(8, 16),
        block_strides=((2, 2), (2, 2)),
        feature_channels=8,
        hidden_channels=16,
        key_size=8,
        value_size=8,
        observation="projection",
    )


@pytest.fixture
def tiny_network(tiny_config: NetworkConfig) -> DMN:
    """Network with random weights."""
    torch.manual_seed(0)
    return DMN(tiny_config).eval()


@pytest.fixture
def tiny_map(tiny_network: DMN) -> ContextMap:
    """Map of six random views within `BOUNDS`."""
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        features = tiny_network.context_embedding(torch.from_numpy(rng.random((6, 3, 24, 32), dtype=np.float32)))
    poses = rng.uniform([-3.5, -2.5, -3.0], [3.5, 2.5, 3.0], (6, 3))
    return ContextMap(features, poses, BOUNDS, 5.0, "map", tiny_network.context_fingerprint())


@pytest.fixture
def tiny_files(tmp_path: Path, tiny_network: DMN, tiny_map: ContextMap) -> tuple[Path, Path]:
    """Checkpoint and map file, for cameras with 90 degrees of horizontal field of view."""
    checkpoint, map_path = tmp_path / "dmn.safetensors", tmp_path / "map.safetensors"
    save_network(checkpoint, tiny_network, network_camera(tiny_network.config, 90.0), {})
    tiny_map.save(map_path)
    return checkpoint, map_path
