"""Robot that drives in step with live nodes: results do not depend on the load of the machine."""

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
    """Publish images, 0.1 s apart by their stamps, as fast as a node processes them; return the stamps.

    Args:
        robot: publisher of the images.
        frames: number of images.
        node: name of the node. After each image, it must process the one that is `behind` images older in ten seconds.
        beside: function that is called with number and stamp of each frame before its image.
        behind: number of images that may wait in the node.
    """
    start, stamps = time.time_ns() - frames * PERIOD, []
    for index in range(frames):
        stamps.append(start + index * PERIOD)
        beside(index, stamps[-1])
        send_image(robot, stamps[-1], index)
        if index >= behind:
            robot.await_processed(node, stamps[index - behind], timeout=10.0)
    return stamps
