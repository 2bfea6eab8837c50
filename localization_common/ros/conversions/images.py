"""Camera images: sensor_msgs/Image and CompressedImage to arrays and back, without a copy where none is needed."""

from __future__ import annotations

import array
import re
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from localization_common.errors import InputError

try:
    from cv_bridge import CvBridge, CvBridgeError  # type: ignore[import-not-found,unused-ignore]
except (ImportError, AttributeError):  # AttributeError: a build for NumPy 1 under NumPy 2
    CvBridge = None

Array = npt.NDArray[Any]
Rgb = npt.NDArray[np.uint8]

#: encoding -> (type of a channel, channels)
_LAYOUTS: dict[str, tuple[str, int]] = {
    "mono8": ("u1", 1),
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    "mono16": ("u2", 1),
    "rgb16": ("u2", 3),
    "bgr16": ("u2", 3),
    "rgba16": ("u2", 4),
    "bgra16": ("u2", 4),
    "bayer_rggb8": ("u1", 1),
    "bayer_bggr8": ("u1", 1),
    "bayer_gbrg8": ("u1", 1),
    "bayer_grbg8": ("u1", 1),
    "yuv422": ("u1", 2),
    "uyvy": ("u1", 2),
    "yuv422_yuy2": ("u1", 2),
    "yuyv": ("u1", 2),
}
_GENERIC = re.compile(r"(8|16|32|64)([USF])C([1-4]?)")
_KINDS = {"U": "u", "S": "i", "F": "f"}
#: encoding -> how OpenCV makes RGB of it. OpenCV names a Bayer pattern by its second row.
_TO_RGB: dict[str, int] = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
    "8UC1": cv2.COLOR_GRAY2RGB,
    "bgr16": cv2.COLOR_BGR2RGB,
    "rgba16": cv2.COLOR_RGBA2RGB,
    "bgra16": cv2.COLOR_BGRA2RGB,
    "mono16": cv2.COLOR_GRAY2RGB,
    "32FC1": cv2.COLOR_GRAY2RGB,
    "bayer_rggb8": cv2.COLOR_BayerBG2RGB,
    "bayer_bggr8": cv2.COLOR_BayerRG2RGB,
    "bayer_gbrg8": cv2.COLOR_BayerGR2RGB,
    "bayer_grbg8": cv2.COLOR_BayerGB2RGB,
    "yuv422": cv2.COLOR_YUV2RGB_UYVY,
    "uyvy": cv2.COLOR_YUV2RGB_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2,
    "yuyv": cv2.COLOR_YUV2RGB_YUY2,
}
_AS_THEY_ARE = ("rgb8", "rgb16", "32FC3")


def array_from_image(msg: Image) -> Array:
    """View (H, W) or (H, W, C) of a message's own memory, in its encoding's type; nothing is copied.

    Padded rows (``step``) and byte order (``is_bigendian``) are honoured; the view is read-only.

    Raises:
        InputError: the encoding is unknown, the image is empty, or ``step`` and ``data`` contradict the size.
    """
    dtype, channels = _layout(msg.encoding)
    if msg.width == 0 or msg.height == 0 or len(msg.data) == 0:
        raise InputError(f"image is empty: {msg.width}x{msg.height}, {len(msg.data)} bytes")
    row = msg.width * channels * dtype.itemsize
    if msg.step < row or msg.step % dtype.itemsize:
        raise InputError(
            f"step is {msg.step} bytes, but a row of {msg.width} pixels in {msg.encoding} takes {row}: "
            "correct the driver's step"
        )
    needed = msg.step * (msg.height - 1) + row
    if len(msg.data) < needed:
        raise InputError(
            f"data holds {len(msg.data)} bytes, but {msg.height} rows of {msg.step} bytes take "
            f"{msg.step * msg.height}: the image was cut short"
        )
    if len(msg.data) > msg.step * msg.height:
        raise InputError(
            f"data holds {len(msg.data)} bytes, more than {msg.height} rows of {msg.step} bytes: "
            "step or height is wrong"
        )
    view = np.ndarray(
        (msg.height, msg.width, channels),
        dtype.newbyteorder(">" if msg.is_bigendian else "<"),
        buffer=memoryview(msg.data).cast("B"),
        strides=(msg.step, channels * dtype.itemsize, dtype.itemsize),
    )
    view.flags.writeable = False
    return view[..., 0] if channels == 1 else view


def rgb_from_image(msg: Image) -> Rgb:
    """RGB (H, W, 3) uint8 of a camera image; without a copy where it is rgb8 already.

    Sixteen bits are scaled down. Floats are intensities 0..1. Bayer and YUV 4:2:2 are converted by OpenCV; anything
    else by cv_bridge where that is installed.

    Raises:
        InputError: see `array_from_image`; or the encoding is depth, not colour; or floats are NaN or out of 0..1.
    """
    if msg.encoding not in _TO_RGB and msg.encoding not in _AS_THEY_ARE:
        return _through_cv_bridge(msg)
    image = array_from_image(msg)
    if image.dtype.kind == "f":
        image = _bytes_from_intensities(image)
    elif image.dtype.itemsize == 2:
        image = (image >> 8).astype(np.uint8)
    if msg.encoding in _AS_THEY_ARE:
        return np.asarray(image)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), _TO_RGB[msg.encoding]))


def rgb_from_compressed(msg: CompressedImage) -> Rgb:
    """RGB (H, W, 3) uint8 of a JPEG or PNG.

    Raises:
        InputError: the data is empty or OpenCV cannot decode it.
    """
    if len(msg.data) == 0:
        raise InputError("compressed image is empty")
    image = cv2.imdecode(np.frombuffer(msg.data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f"compressed image ({msg.format!r}, {len(msg.data)} bytes) cannot be decoded as JPEG or PNG")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def image_from_array(image: Array, encoding: str, header: Header) -> Image:
    """Message of an array (H, W) or (H, W, C) in one of the encodings that `array_from_image` reads.

    Raises:
        InputError: the encoding is unknown or the array does not have its type and channels.
    """
    dtype, channels = _layout(encoding)
    if image.dtype != dtype or image.ndim not in (2, 3) or (image.shape[2] if image.ndim == 3 else 1) != channels:
        raise InputError(f"array {image.shape} of {image.dtype} is not {encoding} ({channels} channels of {dtype})")
    msg = Image(header=header, height=int(image.shape[0]), width=int(image.shape[1]), encoding=encoding)
    msg.step = msg.width * channels * dtype.itemsize
    # array.array goes through the setter unchanged; a list or an ndarray would be checked and copied number by number.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image).reshape(-1).view(np.uint8).data)
    msg.data = data
    return msg


def _layout(encoding: str) -> tuple[np.dtype[Any], int]:
    if encoding in _LAYOUTS:
        kind, channels = _LAYOUTS[encoding]
        return np.dtype(kind), channels
    match = _GENERIC.fullmatch(encoding)
    if match is None or (match[2] == "F" and match[1] in ("8", "16")):
        raise InputError(f"unknown encoding {encoding!r}: publish rgb8, bgr8 or mono8")
    return np.dtype(f"{_KINDS[match[2]]}{int(match[1]) // 8}"), int(match[3] or 1)


def _bytes_from_intensities(image: Array) -> Rgb:
    if not np.isfinite(image).all():
        raise InputError(f"image holds {int((~np.isfinite(image)).sum())} values that are NaN or infinite")
    low, high = float(image.min()), float(image.max())
    if low < 0.0 or high > 1.0:
        raise InputError(f"float image has values {low:.3g} to {high:.3g}, intensities are 0 to 1: is this depth?")
    return np.asarray((image * 255.0 + 0.5).astype(np.uint8))


def _through_cv_bridge(msg: Image) -> Rgb:
    if _GENERIC.fullmatch(msg.encoding):
        raise InputError(f"encoding {msg.encoding} does not say what the channels are: publish rgb8, bgr8 or mono8")
    if CvBridge is None:
        raise InputError(f"unknown encoding {msg.encoding!r}: publish rgb8, bgr8 or mono8, or install cv_bridge")
    try:
        return np.asarray(CvBridge().imgmsg_to_cv2(msg, desired_encoding="rgb8"))
    except (CvBridgeError, ValueError, TypeError) as error:
        raise InputError(f"encoding {msg.encoding!r} cannot be converted to rgb8: {error}") from error
