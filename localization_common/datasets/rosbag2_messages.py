"""Deserialised bag messages (of rosbags, without ROS) to arrays and transforms."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import DatasetError
from localization_common.geometry import se3

#: encoding -> (type of a channel, channels, conversion to RGB or None)
_COLOUR: dict[str, tuple[str, int, int | None]] = {
    "rgb8": ("u1", 3, None),
    "bgr8": ("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2RGB),
    "mono8": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC1": ("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC3": ("u1", 3, cv2.COLOR_BGR2RGB),
}
_DEPTH = {"32FC1": ("f4", 1.0), "16UC1": ("u2", 0.001), "mono16": ("u2", 0.001)}


def stamp_of(header: Any) -> int:
    """Nanoseconds of a std_msgs/Header."""
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)


def stamp_in(raw: bytes | memoryview) -> int:
    """Nanoseconds of the header that a serialised message starts with, without reading the rest."""
    little_endian = bool(raw[1] & 1)
    seconds, nanoseconds = np.frombuffer(raw, "<u4" if little_endian else ">u4", count=2, offset=4)
    return int(seconds.astype(np.int32)) * 10**9 + int(nanoseconds)


def rgb_from(message: Any, where: str) -> npt.NDArray[np.uint8]:
    """RGB (H, W, 3) uint8 of a sensor_msgs Image or CompressedImage.

    Raises:
        DatasetError: the encoding is not supported, or the data does not fit the size.
    """
    if not hasattr(message, "encoding"):
        return _decompressed(message, where, cv2.IMREAD_COLOR)
    if message.encoding not in _COLOUR:
        raise DatasetError(f"{where}: encoding {message.encoding!r} is not one of {', '.join(_COLOUR)}")
    kind, channels, conversion = _COLOUR[message.encoding]
    image = _rows(message, np.dtype(kind), channels, where)
    return np.asarray(image if conversion is None else cv2.cvtColor(image, conversion), dtype=np.uint8)


def depth_from(message: Any, where: str) -> npt.NDArray[np.float32]:
    """Depth (H, W) in metres, NaN where unknown, of 32FC1 (metres) or 16UC1 (millimetres).

    Raises:
        DatasetError: the encoding is not one of them, or the data does not fit the size.
    """
    encoding = getattr(message, "encoding", "compressed")
    if encoding not in _DEPTH:
        raise DatasetError(f"{where}: depth encoding {encoding!r} is not one of {', '.join(_DEPTH)}")
    kind, scale = _DEPTH[encoding]
    depth = _rows(message, np.dtype(kind), 1, where).astype(np.float32) * np.float32(scale)
    depth[~np.isfinite(depth) | (depth <= 0)] = np.nan
    return depth


def labels_from(message: Any, where: str) -> npt.NDArray[np.uint8]:
    """Class ids (H, W) of mono8.

    Raises:
        DatasetError: another encoding, or the data does not fit the size.
    """
    if getattr(message, "encoding", None) not in ("mono8", "8UC1"):
        raise DatasetError(f"{where}: labels have encoding {getattr(message, 'encoding', 'compressed')!r}, not mono8")
    return _rows(message, np.dtype("u1"), 1, where)


def camera_from(message: Any) -> Camera:
    """Camera of a sensor_msgs/CameraInfo.

    Raises:
        CameraError: the intrinsics are not those of a calibrated camera.
    """
    k = np.asarray(message.k, dtype=np.float64).reshape(3, 3)
    coefficients = tuple(float(c) for c in message.d)
    return Camera(
        int(message.width),
        int(message.height),
        float(k[0, 0]),
        float(k[1, 1]),
        float(k[0, 2]),
        float(k[1, 2]),
        message.distortion_model or "plumb_bob",
        coefficients if any(coefficients) else (),
    )


def transform_from(message: Any, where: str) -> npt.NDArray[np.float64]:
    """(4, 4) of a geometry_msgs Pose or Transform.

    Raises:
        DatasetError: not finite, or the quaternion is no rotation.
    """
    position = getattr(message, "position", None) or message.translation
    q = getattr(message, "orientation", None) or message.rotation
    try:
        a_T_b = se3.from_parts([position.x, position.y, position.z], [q.w, q.x, q.y, q.z])
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error
    if not np.isfinite(a_T_b).all():
        raise DatasetError(f"{where}: position {[position.x, position.y, position.z]} is not finite")
    return a_T_b


def _rows(message: Any, kind: np.dtype[Any], channels: int, where: str) -> npt.NDArray[Any]:
    """(H, W) or (H, W, C) in native byte order, padding at the end of rows (``step``) removed."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    row = width * channels * kind.itemsize
    data = np.asarray(message.data).view(np.uint8)
    if not height or not width or step < row or data.size < step * (height - 1) + row:
        raise DatasetError(
            f"{where}: {width}x{height} {message.encoding} with step {step} does not fit {data.size} bytes of data"
        )
    shape, strides = (height, width, channels), (step, channels * kind.itemsize, kind.itemsize)
    stored = kind.newbyteorder(">" if message.is_bigendian else "<")
    pixels = np.ndarray(shape, stored, buffer=np.ascontiguousarray(data), strides=strides)
    pixels = np.ascontiguousarray(pixels, dtype=kind)
    return pixels[..., 0] if channels == 1 else pixels


def _decompressed(message: Any, where: str, flags: int) -> npt.NDArray[np.uint8]:
    data = np.asarray(message.data, dtype=np.uint8)
    picture = cv2.imdecode(data, flags) if data.size else None
    if picture is None:
        raise DatasetError(f"{where}: compressed image ({message.format!r}, {data.size} bytes) cannot be decoded")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
