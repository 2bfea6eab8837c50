"""Table of the image encodings: the memory layout of each, and OpenCV's conversion to RGB.

The names are those of sensor_msgs/image_encodings.hpp, and nv12, which camera drivers of embedded boards publish.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from localization_common.errors import InputError


@dataclass(frozen=True)
class Layout:
    """Layout of one pixel: type and number of its values."""

    dtype: np.dtype[Any]
    channels: int


@dataclass(frozen=True)
class Planar:
    """Layout of YUV images in which the colours of all pixels follow the brightness of all pixels.

    Attributes:
        rows: number of rows of ``step`` bytes, as a share (numerator, denominator) of the image's height.
        conversion: OpenCV's conversion to RGB, or None for 4:4:4, for which OpenCV has none.
        multiple: number of which width and height must be multiples.
    """

    rows: tuple[int, int]
    conversion: int | None
    multiple: int


_U1, _U2 = np.dtype("u1"), np.dtype("u2")
#: OpenCV names a Bayer pattern by its second row.
_BAYER = {"rggb": cv2.COLOR_BayerBG2RGB, "bggr": cv2.COLOR_BayerRG2RGB} | {
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
_UYVY, _YUYV = cv2.COLOR_YUV2RGB_UYVY, cv2.COLOR_YUV2RGB_YUY2
_COLOUR = {"mono": (1, cv2.COLOR_GRAY2RGB), "rgb": (3, None), "bgr": (3, cv2.COLOR_BGR2RGB)} | {
    "rgba": (4, cv2.COLOR_RGBA2RGB),
    "bgra": (4, cv2.COLOR_BGRA2RGB),
}
#: OpenCV's type names do not name the channels: one channel is brightness, three and four are in OpenCV's own order.
_TYPES = {1: "mono", 3: "bgr", 4: "bgra"}

#: Encoding -> layout, of encodings with a name of their own.
LAYOUTS: dict[str, Layout] = {
    **{f"{name}8": Layout(_U1, channels) for name, (channels, _) in _COLOUR.items()},
    **{f"{name}16": Layout(_U2, channels) for name, (channels, _) in _COLOUR.items()},
    **{f"bayer_{pattern}8": Layout(_U1, 1) for pattern in _BAYER},
    **{f"bayer_{pattern}16": Layout(_U2, 1) for pattern in _BAYER},
    **{name: Layout(_U1, 2) for name in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv")},
}
#: Encoding -> OpenCV's conversion to RGB (None: it is RGB), after sixteen bits and floats have become bytes.
TO_RGB: dict[str, int | None] = {
    **{f"{name}{bits}": conversion for name, (_, conversion) in _COLOUR.items() for bits in (8, 16)},
    **{f"{bits}UC{n}": _COLOUR[name][1] for n, name in _TYPES.items() for bits in (8, 16)},
    **{f"bayer_{pattern}{bits}": conversion for pattern, conversion in _BAYER.items() for bits in (8, 16)},
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "32FC1": cv2.COLOR_GRAY2RGB,
    "32FC3": None,
}
PLANAR: dict[str, Planar] = {
    "nv12": Planar((3, 2), cv2.COLOR_YUV2RGB_NV12, 2),
    "nv21": Planar((3, 2), cv2.COLOR_YUV2RGB_NV21, 2),
    "nv24": Planar((3, 1), None, 1),
}
#: Number of letters of a name that are kept: a hostile name must not fill the log.
MAX_NAME = 60
_GENERIC = re.compile(r"(8|16|32|64)([USF])C([1-4]?)")
_KINDS = {"U": "u", "S": "i", "F": "f"}


def layout_of(encoding: str) -> Layout:
    """Layout of an encoding whose pixels lie one after the other.

    Raises:
        InputError: the encoding is unknown.
    """
    if encoding in LAYOUTS:
        return LAYOUTS[encoding]
    match = _GENERIC.fullmatch(encoding)
    if match is None or (match[2] == "F" and match[1] in ("8", "16")):
        raise InputError(f"unknown encoding {encoding!r}: publish rgb8, bgr8 or mono8")
    return Layout(np.dtype(f"{_KINDS[match[2]]}{int(match[1]) // 8}"), int(match[3] or 1))


def canonical(encoding: str) -> str:
    """Encoding without blanks, and with the 1 that OpenCV's type names may lack (``8UC`` is ``8UC1``)."""
    encoding = encoding.strip()[:MAX_NAME]
    return f"{encoding}1" if re.fullmatch(r"(8|16|32|64)[USF]C", encoding) else encoding


def is_bayer(encoding: str) -> bool:
    """Return True for encodings of a Bayer mosaic."""
    return encoding.startswith("bayer_")
