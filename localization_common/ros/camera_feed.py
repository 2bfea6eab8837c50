"""Subscription to the images and the calibration of one camera, shared by all nodes of the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from localization_common.camera import Camera
from localization_common.errors import CameraError, InputError
from localization_common.messages import (
    MAX_PIXELS,
    BitsInUse,
    frame_name,
    is_rectified_topic,
    rgb_from,
    rgb_from_compressed,
    stamp_of,
)
from localization_common.ros.camera_calibration import CameraCalibration
from localization_common.ros.topic_advice import why_silent


class Frame:
    """Image message that is decoded once, at the first call of `rgb`, for all nodes of the process.

    Args:
        msg: image, raw or compressed.
        max_pixels: limit of width times height; a larger image is refused before it is decoded.
        bits: number of bits in use on the topic, for images of 16 bits.
    """

    def __init__(
        self, msg: Image | CompressedImage, *, max_pixels: int = MAX_PIXELS, bits: BitsInUse | None = None
    ) -> None:
        self._max_pixels, self._bits = max_pixels, bits
        self.header = msg.header
        self.stamp = stamp_of(msg.header)
        self.frame_id = frame_name(msg.header.frame_id)
        self.arrived = time.monotonic()
        self._msg: Image | CompressedImage | None = msg
        self._rgb: npt.NDArray[np.uint8] | None = None
        self._lock = threading.Lock()

    def rgb(self, camera: Camera | None = None) -> npt.NDArray[np.uint8]:
        """Image (H, W, 3) uint8 RGB, possibly read-only.

        Args:
            camera: intrinsics from camera_info, if present: an image of another size is refused before it is decoded.

        Raises:
            InputError: the message is not a usable image, or has too many pixels.
        """
        with self._lock:
            if self._rgb is None:
                self._rgb = self._decoded(camera)
                self._msg = None
            return self._rgb

    def _decoded(self, camera: Camera | None) -> npt.NDArray[np.uint8]:
        msg: Any = self._msg
        if isinstance(msg, CompressedImage):
            size = None if camera is None else (camera.width, camera.height)
            return rgb_from_compressed(msg, size=size, max_pixels=self._max_pixels, bits=self._bits)
        if camera is not None and msg.width * msg.height > 0:
            check_size((msg.width, msg.height), camera)
        if msg.width * msg.height > self._max_pixels:
            raise InputError(
                f"image is {msg.width}x{msg.height}, more than parameter max_image_pixels {self._max_pixels} allows"
            )
        return rgb_from(msg, bits=self._bits)


def image_qos(*, reliable: bool, depth: int) -> QoSProfile:
    """QoS of an image subscription: best effort matches every publisher; reliable loses no image of a bag."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
    )


class CameraFeed:
    """Subscriptions to ``image`` (or ``image/compressed``) and ``camera_info``.

    A driver may publish camera_info once and latch it. Only a transient local subscription receives it then, and such
    a subscription receives nothing from a volatile publisher. So it is made when a publisher that latches appears.

    Args:
        node: owner of the subscriptions.
        compressed: subscribe to CompressedImage.
        reliable: require a reliable publisher; a best-effort publisher does not match then, and rclpy warns.
        depth: number of images in the queue of the middleware.
        max_pixels: limit of width times height; larger images are refused before they are decoded.
    """

    def __init__(
        self, node: Node, *, compressed: bool, reliable: bool, depth: int, max_pixels: int = MAX_PIXELS
    ) -> None:
        self._listeners: list[Callable[[Frame], None]] = []
        self._node, self._reliable, self._max_pixels = node, reliable, max_pixels
        self._bits = BitsInUse()
        self.calibration = CameraCalibration()
        topic = node.resolve_topic_name("image") + ("/compressed" if compressed else "")
        qos = image_qos(reliable=reliable, depth=depth)
        group = MutuallyExclusiveCallbackGroup()
        self._type = CompressedImage if compressed else Image
        self._images = node.create_subscription(self._type, topic, self._on_image, qos, callback_group=group)
        self._group, self._latched = group, False
        info_qos = image_qos(reliable=False, depth=10)
        self._infos = node.create_subscription(CameraInfo, "camera_info", self._on_info, info_qos, callback_group=group)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(0.2, self._look_for_latched, clock=steady)

    @property
    def topic(self) -> str:
        """Full name of the image topic."""
        return str(self._images.topic_name)

    def add_listener(self, listener: Callable[[Frame], None]) -> None:
        """Add a function that is called with every frame and must return at once."""
        self._listeners.append(listener)

    def why_silent(self) -> str:
        """Reason why no image arrives, and the remedy."""
        kind = f"sensor_msgs/msg/{self._type.__name__}"
        return why_silent(self._node, "image", self.topic, kind, reliable=self._reliable)

    def camera(self, timeout: float) -> Camera:
        """Return the calibration of the images; wait ``timeout`` seconds for the first one. Do not call in a callback.

        Raises:
            CameraError: no camera_info arrived, or it holds no calibration.
        """
        camera, error = self.calibration.wait(timeout)
        if camera is None:
            raise CameraError(error or self._why_no_camera())
        return camera

    def _why_no_camera(self) -> str:
        topic = str(self._infos.topic_name)
        reason = why_silent(self._node, "camera_info", topic, "sensor_msgs/msg/CameraInfo")
        return f"no message on {topic} yet, and images need their calibration: {reason}"

    def _look_for_latched(self) -> None:
        """Subscribe a second time if camera_info is latched."""
        if self.calibration.wait(0.0)[0] is not None or self._latched:
            self._node.destroy_timer(self._timer)
            return
        publishers = self._node.get_publishers_info_by_topic(self._infos.topic_name)
        self._latched = DurabilityPolicy.TRANSIENT_LOCAL in [e.qos_profile.durability for e in publishers]
        if self._latched:
            qos = image_qos(reliable=True, depth=10)
            qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
            self._node.create_subscription(CameraInfo, "camera_info", self._on_info, qos, callback_group=self._group)

    def _on_image(self, msg: Image | CompressedImage) -> None:
        frame = Frame(msg, max_pixels=self._max_pixels, bits=self._bits)
        for listener in self._listeners:
            listener(frame)

    def _on_info(self, msg: CameraInfo) -> None:
        self.calibration.take(msg, str(self._infos.topic_name), rectified=is_rectified_topic(self.topic))


def check_size(size: tuple[int, int], camera: Camera) -> None:
    """Refuse an image (width, height) that does not have the size of its calibration.

    Raises:
        InputError: the sizes differ.
    """
    if size != (camera.width, camera.height):
        width, height = size
        raise InputError(
            f"image is {width}x{height}, but camera_info has {camera.width}x{camera.height}: they must be of the same "
            "camera and resolution; remap camera_info to the topic beside the images"
        )
