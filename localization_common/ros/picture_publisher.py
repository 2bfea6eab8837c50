"""Publisher of pictures that are drawn for people."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from localization_common.ros.conversions import image_from_array
from localization_common.ros.lifecycle import ManagedNode
from localization_common.ros.outputs import wanted


class PicturePublisher:
    """Publishes RGB images; a picture is drawn only if it is `wanted`.

    Args:
        node: publishes.
        topic: name of the topic.
    """

    def __init__(self, node: ManagedNode, topic: str) -> None:
        self._publisher: Any = node.create_lifecycle_publisher(Image, topic, 5)

    @property
    def wanted(self) -> bool:
        """True if the topic has a subscriber."""
        return wanted(self._publisher)

    def publish(self, header: Header, picture: npt.NDArray[np.uint8]) -> None:
        """Publish a picture (H, W, 3) with the header of the image that it was drawn from."""
        self._publisher.publish(image_from_array(picture, "rgb8", header))
