"""Publishers of a segmentation: mask, confidence, overlay, names of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from localization_common.report.palette import label_palette, tinted
from localization_common.ros.conversions import image_from_array
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.outputs import LATCHED, wanted

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = None

Picture = npt.NDArray[np.uint8]


class SegmentationPublishers:
    """Publishers of a segmentation. The names of the classes need vision_msgs."""

    def __init__(self, node: LocalizerNode[Any]) -> None:
        publisher = node.create_lifecycle_publisher
        self._mask = publisher(Image, "segmentation/mask", 5)
        self._confidence = publisher(Image, "segmentation/confidence", 5)
        self._overlay = publisher(Image, "segmentation/overlay", 5)
        self._label_info = None if LabelInfo is None else publisher(LabelInfo, "segmentation/label_info", LATCHED)
        self._palette = label_palette()

    @property
    def wanted(self) -> bool:
        """True if one of the images has a subscriber."""
        return wanted(self._mask, self._confidence, self._overlay)

    def publish_names(self, names: Sequence[str]) -> None:
        """Publish the names of the class ids 0, 1, ..."""
        if self._label_info is not None:
            classes = [VisionClass(class_id=number, class_name=name) for number, name in enumerate(names)]
            self._label_info.publish(LabelInfo(class_map=classes))

    def publish(self, header: Header, image: Picture, labels: Picture, confidence: Picture, *, opacity: float) -> None:
        """Publish the segmentation of an image; a message is made only if it has a subscriber.

        Args:
            header: header of the image.
            image: (H, W, 3) uint8 RGB.
            labels: (H, W) class ids; 255 where they are unknown.
            confidence: (H, W) confidence; 255 is certain.
            opacity: opacity of the classes over the image.
        """
        unseen = labels == 255
        self._mask.publish(image_from_array(labels, "mono8", header))
        if wanted(self._confidence):
            self._confidence.publish(image_from_array(np.where(unseen, np.uint8(0), confidence), "mono8", header))
        if wanted(self._overlay):
            mixed = tinted(image, self._palette[labels], opacity)
            mixed[unseen] = image[unseen]
            self._overlay.publish(image_from_array(mixed, "rgb8", header))
