"""Comparison of an exported network with the one in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

from vlocnet_ros.network.named_tensors import flatten
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.backends.exported import ExportedBackend
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend


def pictures(height: int, width: int, count: int = 4) -> list[np.ndarray]:
    """Return random pictures with edges and without noise."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (count, height // 8, width // 8, 3), dtype=np.uint8)
    return [image.repeat(8, 0).repeat(8, 1) for image in small]


def assert_equal_streams(graph: ExportedBackend, network: VLocNet, images: list[np.ndarray]) -> None:
    """Check every prediction and every kept feature of every frame, to 1e-4."""
    ours = TorchBackend(network)
    kept, features = None, None
    for image in images:
        kept, found = graph.step(image, kept)
        features, expected = ours.step(image, features)
        assert list(flatten(found)) == list(flatten(expected))
        for name, tensor in flatten(expected).items():
            np.testing.assert_allclose(flatten(found)[name], tensor, atol=1e-4, rtol=1e-4, err_msg=name)
        for name, tensor in flatten(features).items():
            if f"previous.{name}" in kept:
                np.testing.assert_allclose(kept[f"previous.{name}"], tensor, atol=1e-4, rtol=1e-4, err_msg=name)
