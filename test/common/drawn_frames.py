"""Pictures and poses of small data sets, which tests can compute again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

SevenScenes = Callable[..., Path]


def picture(number: int, size: tuple[int, int] = (640, 480)) -> np.ndarray:
    """RGB picture (H, W, 3) of smooth colours that depend on its number."""
    width, height = size
    u, v = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = [255 * u, 255 * v, np.full_like(u, 20 * number % 256)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def pose(number: int) -> np.ndarray:
    """Pose (4, 4) on a winding path, one tenth of a metre per number."""
    map_T_camera = np.eye(4)
    map_T_camera[:3, :3] = Rotation.from_euler("xyz", [0.02 * number, 0.05 * number, -0.01 * number]).as_matrix()
    map_T_camera[:3, 3] = [0.1 * number, 0.02 * np.sin(number), -0.3]
    return map_T_camera


def write_rgb(path: Path, image: np.ndarray) -> None:
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))


def class_ids(number: int) -> np.ndarray:
    """Class ids (72, 128) uint8 of DeepLoc's, in ten stripes."""
    columns = (np.arange(128) // 13 + number) % 10
    return np.broadcast_to(columns, (72, 128)).astype(np.uint8)


def drive_pose(number: int) -> np.ndarray:
    """Pose (4, 4) of a camera that drives half a metre a frame along its optical axis, in a curve; z is up."""
    map_T_body = np.eye(4)
    map_T_body[:3, :3] = Rotation.from_euler("z", 0.1 * number).as_matrix()
    map_T_body[:3, 3] = [5.0 * np.sin(0.1 * number), 5.0 * (1.0 - np.cos(0.1 * number)), 0.5]
    body_T_optical = np.eye(4)
    body_T_optical[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    return map_T_body @ body_T_optical
