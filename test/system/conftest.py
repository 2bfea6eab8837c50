"""A small drive with everything that can be scored, made of arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar, se3


def make_drive(count: int = 60, *, step_m: float = 0.1) -> Sequence:
    """Along x, 0.1 m and 0.2 s a frame; the camera 0.2 m before and 0.6 m above the base; labels 0 left, 1 right."""
    base_T_camera = np.eye(4)
    base_T_camera[:3, :3] = se3.BODY_R_OPTICAL
    base_T_camera[:3, 3] = (0.2, 0.0, 0.6)
    poses = np.stack([np.arange(count) * step_m, np.zeros(count), np.zeros(count)], axis=1)
    map_T_base = planar.to_se3(poses)
    labels = np.zeros((12, 16), dtype=np.uint8)
    labels[:, 8:] = 1

    def read_image(position: int) -> np.ndarray:
        rows = np.arange(12, dtype=np.uint8)[:, None, None] * 20
        return np.broadcast_to(rows, (12, 16, 3)) + np.uint8(position % 16)

    return Sequence(
        name="straight",
        camera=Camera.from_field_of_view(16, 12, 90.0),
        frame_numbers=np.arange(count),
        stamps=1_700_000_000_000_000_000 + np.arange(count) * 200_000_000,
        map_T_camera=map_T_base @ base_T_camera,
        read_image=read_image,
        read_labels=lambda position: labels,
        class_names=("wall", "floor"),
        base_T_camera=base_T_camera,
        odom_T_base=map_T_base,
    )


@pytest.fixture
def drive() -> Sequence:
    """60 frames, straight on."""
    return make_drive()
