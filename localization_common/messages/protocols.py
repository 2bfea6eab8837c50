"""Fields of the ROS messages that are read here. rclpy's and rosbags' objects have the same ones."""

from __future__ import annotations

from typing import Any, Protocol


class Time(Protocol):
    """builtin_interfaces/Time."""

    sec: int
    nanosec: int


class Header(Protocol):
    """std_msgs/Header."""

    stamp: Any
    frame_id: str


class ImageMessage(Protocol):
    """sensor_msgs/Image; ``data`` is any buffer of bytes."""

    height: int
    width: int
    encoding: str
    is_bigendian: Any
    step: int
    data: Any


class CompressedImageMessage(Protocol):
    """sensor_msgs/CompressedImage; ``data`` is any buffer of bytes."""

    format: str
    data: Any


class CameraInfoMessage(Protocol):
    """sensor_msgs/CameraInfo, with the sequences of numbers `d`, `k` and `p`, which ROS 1 writes `D`, `K` and `P`."""

    height: int
    width: int
    distortion_model: str
    binning_x: int
    binning_y: int
    roi: Any


class PoseMessage(Protocol):
    """geometry_msgs/Pose."""

    position: Any
    orientation: Any


class TransformMessage(Protocol):
    """geometry_msgs/Transform."""

    translation: Any
    rotation: Any
