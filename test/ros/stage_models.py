"""Files of tiny random networks and maps for tests of nodes: the structure of the shipped ones, no accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map.context_map import ContextMap
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import network_camera, save_network
from localization_common.camera import Camera
from localization_common.keyframes.frame_correction import FrameCorrection
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.lens_correction import LensCorrection
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, save_vlocnet
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig

#: Camera of the robot on the stage.
CAMERA = Camera.from_field_of_view(160, 120, 90.0)


def save_models(folder: Path) -> None:
    """Write vlocnet.safetensors, lost.safetensors, dmn.safetensors and map.safetensors with random weights.

    For vlocnet any motion is consistent; for lost none is, so that it is lost from the second frame on.
    keyframes.safetensors is a keyframe map of random points, made with a longer focal length than that of `CAMERA`.
    """
    torch.manual_seed(0)
    vlocnet = VLocNet(tiny_vlocnet()).eval()
    save_vlocnet(folder / "vlocnet.safetensors", vlocnet, residuals=Residuals(tracking=TrackingConfig(agreement=1e6)))
    never = TrackingConfig(agreement=1e-9, patience=1e-9, coherence=1e-9)
    save_vlocnet(folder / "lost.safetensors", vlocnet, residuals=Residuals(tracking=never))
    network = DMN(tiny_dmn()).eval()
    save_network(folder / "dmn.safetensors", network, network_camera(network.config, 90.0), {})
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        features = network.context_embedding(torch.from_numpy(rng.random((6, 3, 24, 32), dtype=np.float32)))
    poses = rng.uniform([-3.5, -2.5, -3.0], [3.5, 2.5, 3.0], (6, 3))
    views = ContextMap(features, poses, (-4.0, -3.0, 4.0, 3.0), 5.0, "map", network.context_fingerprint())
    views.save(folder / "map.safetensors")
    tiny_keyframe_map().save(folder / "keyframes.safetensors")


def tiny_vlocnet() -> VLocNetConfig:
    """Configuration with the structure of the shipped network and a few channels."""
    return VLocNetConfig(
        width=64, height=48, stem=8, mids=(4, 4, 8, 8), expansion=2, units=(1, 2, 3, 2), fc=16, classes=4,
        segmentation_stem=4, semantic_unit=1, depth_channels=4,
    )  # fmt: skip


def tiny_dmn() -> NetworkConfig:
    """Configuration with all parts of the shipped network and a few channels."""
    return NetworkConfig(
        image_width=32, image_height=24, block_widths=(8, 8), block_strides=((2, 2), (2, 2)), feature_channels=8,
        hidden_channels=8, key_size=8, value_size=8, pair_size=16, gate_size=16, nearest_views=4,
    )  # fmt: skip


def tiny_keyframe_map() -> KeyframeMap:
    """Map of twenty points in front of two keyframes, each point with one descriptor."""
    rng = np.random.default_rng(0)
    points = rng.uniform([-1.0, -1.0, 2.0], [1.0, 1.0, 3.0], (20, 3)).astype(np.float32)
    ranges = np.linalg.norm(points, axis=1)
    poses = np.tile(np.eye(4), (2, 1, 1))
    return KeyframeMap(
        points=points,
        descriptors=rng.integers(0, 90, (20, 128), dtype=np.uint8),
        appearance_point=np.arange(20, dtype=np.int32),
        directions=points / ranges[:, None],
        ranges=ranges,
        correction=FrameCorrection(poses, poses, metres=0.07, radians=0.1, variance=np.full((2, 6), 1e-6)),
        thumbnails=rng.integers(0, 256, (2, 576), dtype=np.uint8),
        repeated_view=np.zeros(2, dtype=np.bool_),
        lens=LensCorrection(),
        focal=5.0 * CAMERA.fx,
        features=800,
        noise=0.001,
        covariance_scale=1.0,
        card={},
    )
