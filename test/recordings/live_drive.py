"""A robot that drives straight ahead in real time, with 10 Hz, before live nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from robot_stage import CAMERA, Robot, textured

from localization_common.geometry import planar
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header

PERIOD = 100_000_000
SPEED = 1.0  # metres a second


def at(index: int, start: int) -> np.ndarray:
    """odom_T_base (4, 4) at frame number `index`."""
    return planar.to_se3(np.array([SPEED * index * PERIOD * 1e-9, 0.0, 0.0]))


def send_image(robot: Robot, stamp: int, number: int = 0) -> None:
    """Publish an image of this stamp and its camera_info."""
    head = header(stamp, "camera_optical_frame")
    robot.infos.publish(camera_to_info(CAMERA, head))
    robot.images.publish(image_from_array(textured(number), "rgb8", head))


def drive(robot: Robot, frames: int, *, beside: Callable[[int, int], None], start: int | None = None) -> list[int]:
    """Publish images with 10 Hz; returns their stamps.

    Args:
        robot: publishes.
        frames: how many images.
        beside: called with number and stamp of each frame before its image.
        start: first stamp, nanoseconds; by default now.
    """
    start = time.time_ns() if start is None else start
    began, pace, stamps = time.monotonic(), threading.Event(), []
    for index in range(frames):
        pace.wait(max(0.0, began + index * PERIOD * 1e-9 - time.monotonic()))
        stamps.append(start + index * PERIOD)
        beside(index, stamps[-1])
        send_image(robot, stamps[-1], index)
    return stamps
