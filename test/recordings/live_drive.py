"""A robot that drives before live nodes, in step with them: nothing depends on how busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

from stage_robot import CAMERA, Robot, textured

from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header

PERIOD = 100_000_000


def send_image(robot: Robot, stamp: int, number: int = 0) -> None:
    """Publish an image of this stamp and its camera_info."""
    head = header(stamp, "camera_optical_frame")
    robot.infos.publish(camera_to_info(CAMERA, head))
    robot.images.publish(image_from_array(textured(number), "rgb8", head))


def drive(robot: Robot, frames: int, node: str, *, beside: Callable[[int, int], None], behind: int = 0) -> list[int]:
    """Publish images, 0.1 s apart by their stamps, as fast as a node deals with them; returns the stamps.

    Args:
        robot: publishes.
        frames: how many images.
        node: its name. After each image, the one that is `behind` images older must be dealt with in ten seconds.
        beside: called with number and stamp of each frame before its image.
        behind: how many images may wait in the node.
    """
    start, stamps = time.time_ns() - frames * PERIOD, []
    for index in range(frames):
        stamps.append(start + index * PERIOD)
        beside(index, stamps[-1])
        send_image(robot, stamps[-1], index)
        if index >= behind:
            robot.await_processed(node, stamps[index - behind], timeout=10.0)
    return stamps
