"""Networks with every part of the real one, small enough for tests."""

from __future__ import annotations

import torch

from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.pose import PoseStream

WIDTH, HEIGHT = 64, 48
POSE_AND_ODOMETRY = Tasks(pose=True, odometry=True, segmentation=False, depth=False)


def make_config(**changes: object) -> VLocNetConfig:
    values: dict[str, object] = {
        "width": WIDTH,
        "height": HEIGHT,
        "stem": 4,
        "mids": (4, 4, 8, 8),
        "expansion": 2,
        "units": (1, 2, 4, 2),
        "fc": 16,
        "classes": 3,
        "segmentation_stem": 4,
        "depth_channels": 4,
    }
    return VLocNetConfig(**(values | changes))  # type: ignore[arg-type]


def randomize_statistics(network: torch.nn.Module) -> None:
    """Set running statistics and fusions as after training; without training they change nothing."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for module in network.modules():
        if isinstance(module, PoseStream) and module.temporal_fusion is not None:
            with torch.random.fork_rng():
                torch.nn.init.xavier_uniform_(module.temporal_fusion.pool.weight)
