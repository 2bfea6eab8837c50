"""The images and the calibration of one camera, subscribed to once and handed to every node of the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from localization_common.camera import Camera
from localization_common.errors import CameraError, InputError
from localization_common.messages import camera_from, frame_name, rgb_from, rgb_from_compressed, stamp_of


class Frame:
    """One image message. It is decoded when asked for, once, however many nodes ask."""

    def __init__(self, msg: Image | CompressedImage) -> None:
        self.header = msg.header
        self.stamp = stamp_of(msg.header)
        self.frame_id = frame_name(msg.header.frame_id)
        self.arrived = time.monotonic()
        self._msg: Image | CompressedImage | None = msg
        self._rgb: npt.NDArray[np.uint8] | None = None
        self._lock = threading.Lock()

    def rgb(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, possibly read-only.

        Raises:
            InputError: the message is not a usable image.
        """
        with self._lock:
            if self._rgb is None:
                assert self._msg is not None
                compressed = isinstance(self._msg, CompressedImage)
                self._rgb = rgb_from_compressed(self._msg) if compressed else rgb_from(self._msg)
                self._msg = None
            return self._rgb


def image_qos(*, reliable: bool, depth: int) -> QoSProfile:
    """QoS of an image subscription: sensor data (best effort) matches every publisher; a bag wants nothing lost."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )


class CameraFeed:
    """Subscriptions to ``image`` (or ``image/compressed``) and ``camera_info``.

    Args:
        node: subscribes.
        compressed: whether to take CompressedImage.
        reliable: ask for a reliable publisher; one that is not will not be heard, and rclpy warns of that.
        depth: how many images the middleware may hold for a moment.
    """

    def __init__(self, node: Node, *, compressed: bool, reliable: bool, depth: int) -> None:
        self._listeners: list[Callable[[Frame], None]] = []
        self._logger = node.get_logger()
        self._camera: Camera | None = None
        self._camera_error: str = ""
        self._changed = threading.Condition()
        topic = node.resolve_topic_name("image") + ("/compressed" if compressed else "")
        qos = image_qos(reliable=reliable, depth=depth)
        group = MutuallyExclusiveCallbackGroup()
        message_type = CompressedImage if compressed else Image
        self._images = node.create_subscription(message_type, topic, self._on_image, qos, callback_group=group)
        info_qos = image_qos(reliable=False, depth=10)
        self._infos = node.create_subscription(CameraInfo, "camera_info", self._on_info, info_qos, callback_group=group)

    @property
    def topic(self) -> str:
        """Full name of the image topic."""
        return str(self._images.topic_name)

    def add_listener(self, listener: Callable[[Frame], None]) -> None:
        """Call this with every frame; it must return at once."""
        self._listeners.append(listener)

    def camera(self, timeout: float) -> Camera:
        """Calibration of the images; waits so many seconds for the first one. Not from a callback.

        Raises:
            CameraError: camera_info did not come, or says that the camera is not calibrated.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._camera is not None or self._camera_error, timeout)
            if self._camera is None:
                missing = f"no message on {self._infos.topic_name} within {timeout:.1f} s: is the driver calibrated?"
                raise CameraError(self._camera_error or missing)
            return self._camera

    def _on_image(self, msg: Image | CompressedImage) -> None:
        frame = Frame(msg)
        for listener in self._listeners:
            listener(frame)

    def _on_info(self, msg: CameraInfo) -> None:
        with self._changed:
            try:
                self._camera, self._camera_error = camera_from(msg), ""
            except CameraError as error:
                self._camera, self._camera_error = None, f"camera_info cannot be used: {error}"
            self._changed.notify_all()


def check_size(image: npt.NDArray[np.uint8], camera: Camera) -> None:
    """Refuse an image that is not of the size of its calibration.

    Raises:
        InputError: the sizes differ.
    """
    height, width = image.shape[:2]
    if (width, height) != (camera.width, camera.height):
        raise InputError(f"image is {width}x{height}, but camera_info says {camera.width}x{camera.height}")
