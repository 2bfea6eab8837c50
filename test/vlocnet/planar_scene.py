"""Scene of painted planes whose images and depth are given by a formula."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT = 80, 64
INTRINSICS = torch.tensor([40.0, 42.0, 39.0, 32.5])
#: Planes n . x = d of the world: an oblique wall ahead, a floor below, a wall at the left.
PLANES = ((np.array([0.3, 0.0, 1.0]), 3.0), (np.array([0.0, 1.0, 0.1]), 1.0), (np.array([-1.0, 0.0, 0.2]), 1.6))


class View(NamedTuple):
    grey: torch.Tensor
    depth: torch.Tensor


def see(world_T_camera: np.ndarray, gain: float = 1.0) -> View:
    """Render the scene from a pose: every pixel's ray meets the nearest plane, painted with smooth waves."""
    fx, fy, cx, cy = INTRINSICS.numpy()
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], axis=-1) @ world_T_camera[:3, :3].T
    origin = world_T_camera[:3, 3]
    depths = []
    for normal, distance in PLANES:
        along = rays @ normal
        depths.append(np.where(along > 1e-6, (distance - normal @ origin) / np.maximum(along, 1e-6), np.inf))
    depth = np.minimum(
        np.min(depths, axis=0), 20.0
    )  # the rays have z = 1 in the camera, so lengths along them are depths
    x, y, z = np.moveaxis(origin + rays * depth[..., None], -1, 0)
    grey = 0.5 + 0.15 * np.sin(5 * x + 2 * z) + 0.15 * np.sin(6 * y - 3 * x) + 0.1 * np.cos(7 * z + y)
    return View(torch.tensor(gain * grey, dtype=torch.float32)[None, None], torch.tensor(depth)[None, None].float())


def pose(translation, degrees) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    matrix[:3, 3] = translation
    return matrix
