"""Fields of ROS messages that are read here. rclpy's and rosbags' objects have the same ones."""

from __future__ import annotations

from typing import Any, Protocol


class Time(Protocol):
    """Fields of builtin_interfaces/Time."""

    sec: int
    nanosec: int


class Header(Protocol):
    """Fields of std_msgs/Header."""

    stamp: Any
    frame_id: str


class ImageMessage(Protocol):
    """Fields of sensor_msgs/Image; ``data`` is any buffer of bytes."""

    height: int
    width: int
    encoding: str
    is_bigendian: Any
    step: int
    data: Any


class CompressedImageMessage(Protocol):
    """Fields of sensor_msgs/CompressedImage; ``data`` is any buffer of bytes."""

    format: str
    data: Any


class CameraInfoMessage(Protocol):
    """Fields of sensor_msgs/CameraInfo; also the sequences of numbers `d`, `k` and `p` (in ROS 1 `D`, `K` and `P`)."""

    height: int
    width: int
    distortion_model: str
    binning_x: int
    binning_y: int
    roi: Any


class PoseMessage(Protocol):
    """Fields of geometry_msgs/Pose."""

    position: Any
    orientation: Any


class TransformMessage(Protocol):
    """Fields of geometry_msgs/Transform."""

    translation: Any
    rotation: Any
