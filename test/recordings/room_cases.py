"""Bags of a drive through a painted room: pictures that fit the poses; tests damage any part."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import bag_cases as cases
import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.geometry import planar, se3

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

CAMERA = Camera.from_field_of_view(160, 120, 90.0)
#: The mount looks straight ahead, 0.6 m above the base.
BASE_T_CAMERA = cases.BASE_T_CAMERA
#: The drive: a circle of 2 m radius and a little more, at 0.5 m/s, 4 images a second.
SECONDS, PERIOD = 30.0, 0.25
COUNT = round(SECONDS / PERIOD)
_ROOM = np.array([[-4.0, -2.5, 0.0], [4.0, 6.5, 2.6]])  # two corners, metres
_PIXELS_PER_METRE = 60


@cache
def _paintings() -> tuple[Image, ...]:
    """Pictures of walls, floor and ceiling: patches of every size from 5 cm to a metre."""
    random = np.random.default_rng(7)
    size = round(9.0 * _PIXELS_PER_METRE)
    painted = []
    for _ in range(6):
        wall = np.full((size, size, 3), 128.0)
        for patches in (8, 30, 120):
            layer = random.normal(0.0, 28.0, (patches, patches, 3))
            wall += cv2.resize(layer, (size, size), interpolation=cv2.INTER_NEAREST)
        painted.append(np.clip(wall, 12, 243).astype(np.uint8))
    return tuple(painted)


@cache
def _rays(camera: Camera) -> Array:
    u, v = np.meshgrid(np.arange(camera.width, dtype=np.float64), np.arange(camera.height, dtype=np.float64))
    rays = camera.rays(np.stack([u.ravel(), v.ravel()], axis=1))
    return np.column_stack([rays, np.ones(len(rays))])


def view(map_T_camera: Array, camera: Camera = CAMERA) -> Image:
    """Picture of the room from a camera (4, 4) in it."""
    directions = _rays(camera) @ map_T_camera[:3, :3].T
    origin = map_T_camera[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = (np.where(directions > 0, _ROOM[1], _ROOM[0]) - origin) / directions
    axis = np.nanargmin(np.where(distances > 0, distances, np.nan), axis=1)
    rows = np.arange(len(directions))
    points = origin + directions * distances[rows, axis][:, None]
    face = 2 * axis + (directions[rows, axis] > 0)
    image = np.zeros((len(directions), 3), np.uint8)
    for number, painting in enumerate(_paintings()):
        on = face == number
        if on.any():
            across = np.delete(points[on] - _ROOM[0], number // 2, axis=1) * _PIXELS_PER_METRE
            u, v = across.T.astype(np.float32)
            image[on] = cv2.remap(painting, u[None], v[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
    return image.reshape(camera.height, camera.width, 3)


def truth_at(seconds: float) -> Array:
    """True map_T_base (4, 4)."""
    return cases.truth_at(seconds)


def weaving_at(seconds: float) -> Array:
    """True map_T_base (4, 4) of a robot that turns left and right on its way: this shows differences of clocks."""
    pose = truth_at(seconds)
    weaving = planar.to_se3(np.array([0.0, 0.0, 0.5 * np.sin(1.5 * seconds)]))
    return np.asarray(pose @ weaving)


@cache
def pictures() -> tuple[Image, ...]:
    """Pictures of the drive."""
    return tuple(view(truth_at(PERIOD * i) @ BASE_T_CAMERA) for i in range(COUNT))


@cache
def weaving_pictures() -> tuple[Image, ...]:
    """Pictures of the drive that weaves."""
    return tuple(view(weaving_at(PERIOD * i) @ BASE_T_CAMERA) for i in range(COUNT))


def jump(metres: float, degrees: float = 0.0, *, seconds: float = 12.1) -> Array:
    """Motion (4, 4) of the frame of the poses: to the left of the robot, and about it, at that time."""
    map_T_base = truth_at(seconds)
    left = np.asarray(planar.to_se3(np.array([0.0, metres, np.radians(degrees)])))
    return np.asarray(map_T_base @ left @ se3.inverse(map_T_base))


def weaving_drive(**parts: Any) -> list[cases.Message]:
    """Messages of the drive that weaves, see `drive`."""
    return drive(**{"truth": weaving_at, "odometry": weaving_at, "shown": weaving_pictures, **parts})


def drive(
    *,
    shown: Callable[[], tuple[Image, ...]] = pictures,
    change: Callable[[Image, int], Image | None] = lambda image, index: image,
    truth: Callable[[float], Array | None] = truth_at,
    odometry: Callable[[float], Array | None] = lambda seconds: cases.odometry_at(seconds),
    mount: Array = BASE_T_CAMERA,
    truth_period: float = 0.1,
) -> list[cases.Message]:
    """Messages of the drive.

    Args:
        shown: pictures of the drive.
        change: picture and its index -> recorded picture; None: nothing is recorded.
        truth, odometry: seconds -> pose of the base; None: nothing is recorded.
        mount: base_T_camera in /tf_static.
        truth_period: seconds between true poses.
    """
    messages = [cases.tf(0.0, "base_link", "camera", mount, topic="/tf_static")]
    for index, picture in enumerate(shown()):
        image, seconds = change(picture, index), PERIOD * index
        messages.append(cases.camera_info(seconds, **encoding.camera_fields(CAMERA)))
        if image is not None:
            messages.append(cases.image(seconds, **encoding.image_fields(image, "rgb8")))
    for seconds in np.arange(-0.2, SECONDS + 0.2, truth_period).tolist():
        pose = truth(seconds)
        if pose is not None:
            messages.append(cases.pose(seconds, pose, topic="/ground_truth/pose"))
    for seconds in np.arange(-0.2, SECONDS + 0.2, 0.05).tolist():
        pose = odometry(seconds)
        if pose is not None:
            messages.append(cases.pose(seconds, pose, cases.ODOMETRY, topic="/odom", frame="odom", child="base_link"))
    return messages


def blurred(image: Image, pixels: int = 9) -> Image:
    """Smear a picture sideways over so many pixels."""
    return np.asarray(cv2.blur(image, (pixels, 1)))
