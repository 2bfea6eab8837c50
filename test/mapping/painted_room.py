"""Drives through a painted room: images and depths of its walls, floor and ceiling, rendered by a formula."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from made_room import CAMERA, MOUNT, ROOM

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence

Array = npt.NDArray[np.float64]

#: Pixels of paint for a metre.
_PAINT = 60.0
#: Nanoseconds between two frames: 5 Hz.
_PERIOD = 200_000_000


@lru_cache
def _paint(wall: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return the paint of a wall: spots of many sizes, unlike at every place."""
    rng = np.random.default_rng(100 * seed + wall)
    size = int(8 * _PAINT)
    picture = np.zeros((size, size, 3), dtype=np.float32)
    for blur in (2.0, 4.0, 8.0):
        spots = cv2.GaussianBlur(rng.normal(size=(size, size, 3)).astype(np.float32), (0, 0), blur)
        picture += spots / spots.std()
    return np.clip(127.0 + 32.0 * picture, 0, 255).astype(np.uint8)


def see(map_T_camera: Array, camera: Camera = CAMERA, seed: int = 0) -> tuple[npt.NDArray[np.uint8], Array]:
    """Render the image (H, W, 3) and the depth (H, W) in metres from a pose in the room."""
    v, u = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float64)
    flat = camera.rays(np.stack([u.ravel(), v.ravel()], axis=1))
    rays = np.column_stack([flat, np.ones(len(flat))]) @ map_T_camera[:3, :3].T
    origin = map_T_camera[:3, 3] - [0.0, 0.0, ROOM[2] / 2.0]
    with np.errstate(divide="ignore"):
        # A ray with z = 1 in the camera: its length to a wall is the depth.
        along = (np.copysign(ROOM / 2.0, rays) - origin) / rays
    axis = along.argmin(axis=1)
    depth = along[np.arange(len(rays)), axis]
    hit = origin + rays * depth[:, None]
    image = np.empty((len(rays), 3), dtype=np.uint8)
    for wall in range(6):
        on = (axis == wall % 3) & ((rays[np.arange(len(rays)), axis] > 0) == (wall >= 3))
        if on.any():
            across = hit[on][:, [a for a in range(3) if a != wall % 3]]
            pixels = ((across + 4.0) * _PAINT).astype(np.float32)
            looked_up = cv2.remap(_paint(wall, seed), pixels[None, :, 0], pixels[None, :, 1], cv2.INTER_LINEAR)
            image[on] = looked_up[0]
    shape = (camera.height, camera.width)
    return image.reshape(*shape, 3), depth.reshape(shape)


def drive(
    map_T_base: Array,
    odom_T_base: Array | None,
    *,
    name: str = "monday",
    depth: bool = False,
    truth: bool = True,
    seed: int = 0,
    camera: Camera = CAMERA,
) -> Sequence:
    """Return a drive through the room.

    Args:
        map_T_base: (N, 4, 4) true poses.
        odom_T_base: (N, 4, 4) odometry; None without.
        name: name of the drive.
        depth: True to give the depths.
        truth: False to leave the true poses out.
        seed: seed of the paint; another one is another room.
        camera: camera.
    """
    map_T_camera = map_T_base @ MOUNT
    seen = [see(pose, camera, seed) for pose in map_T_camera]
    return Sequence(
        name=name,
        camera=camera,
        frame_numbers=np.arange(len(seen)),
        stamps=1_700_000_000_000_000_000 + _PERIOD * np.arange(len(seen), dtype=np.int64),
        map_T_camera=map_T_camera if truth else np.full_like(map_T_camera, np.nan),
        read_image=lambda position: seen[position][0],
        read_depth=(lambda position: seen[position][1].astype(np.float32)) if depth else None,
        base_T_camera=MOUNT,
        odom_T_base=odom_T_base,
    )
