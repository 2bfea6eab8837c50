"""Odometry of the robot at the stamps of images, for a localizer without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.ros.camera_feed import Frame
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_buffer import OdometryError
from localization_common.ros.odometry_input import OdometryInput
from vlocnet_ros.runtime.camera_motion import OdometrySample

Array = npt.NDArray[np.float64]


class WheelOdometry:
    """Odometry on `odom`, as poses of the camera, once `input` subscribes. Images wait for it only while it comes.

    Args:
        node: has the topic, the parameters and the monitor.
        timeout: returns the seconds that an image waits for odometry as new as itself.

    Attributes:
        topic: topic of the odometry.
        input: subscription, and poses of the base.
        base_T_camera: (4, 4) mount of the camera at the next image.
        odom_T_base: (4, 4) odometry at the last image; None if there was none.
    """

    def __init__(self, node: LocalizerNode[Any], timeout: Callable[[], float]) -> None:
        self._monitor, self.topic = node.monitor, node.resolve_topic_name("odom")
        self.input = OdometryInput(node, timeout)
        self.base_T_camera: Array = np.eye(4)
        self.odom_T_base: Array | None = None

    def ready(self, frame: Frame) -> bool:
        """True if odometry reaches the frame, if none comes, or if the frame has waited for it for the timeout."""
        return self.input.silent or self.input.ready(frame)

    def at(self, stamp: int) -> OdometrySample | None:
        """Return the odometry of the camera at a stamp in nanoseconds; None without any, which is a diagnostic."""
        try:
            self.odom_T_base = self.input.at(stamp, wait=not self.input.silent)
        except OdometryError as error:
            self.odom_T_base = None
            text = f"{error}; without odometry the pose is lost as soon as images do not confirm it"
            self._monitor.problem("wheel_odometry", Level.WARN, text)
            return None
        self._monitor.solved("wheel_odometry")
        return OdometrySample(self.odom_T_base @ self.base_T_camera, self.input.restarts)

    @property
    def value(self) -> str:
        """Text for /diagnostics."""
        return f"none on {self.topic}" if self.odom_T_base is None else f"on {self.topic}"
