"""Images of sensor_msgs/Image to arrays, without a copy where none is needed."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.bits import BitsInUse, to_eight_bits
from localization_common.messages.encodings import PLANAR, TO_RGB, canonical, layout_of
from localization_common.messages.pixels import rows_of
from localization_common.messages.protocols import ImageMessage
from localization_common.messages.yuv import rgb_from_planar

Array = npt.NDArray[Any]
Rgb = npt.NDArray[np.uint8]


def array_from(message: ImageMessage) -> Array:
    """View (H, W) or (H, W, C) of a message's own memory, in the type of its encoding; nothing is copied.

    Padded rows (``step``) and byte order (``is_bigendian``) are honoured; the view is read-only.

    Raises:
        InputError: the encoding is unknown or has several planes, the image is empty, or ``step`` and ``data``
            contradict the size.
    """
    encoding = _encoding_of(message)
    layout = layout_of(encoding)
    view = rows_of(message, layout.dtype, layout.channels)
    return view[..., 0] if layout.channels == 1 else view


def rgb_from(message: ImageMessage, *, bits: int | BitsInUse | None = None) -> Rgb:
    """RGB (H, W, 3) uint8 of a camera image; a read-only view of an image in rgb8.

    Floats are intensities 0..1. Bayer mosaics are demosaiced. YUV is BT.601. 8UC1 and 16UC1 are brightness; 8UC3, 8UC4
    and 16UC3 are in OpenCV's order, BGR.

    Args:
        message: image in any encoding of sensor_msgs/image_encodings.hpp that shows colour or brightness.
        bits: number of the sixteen bits that the values use: a number, `BitsInUse` of the topic (so that the brightness
            of a video does not jump), or None for the bits that this image's largest value needs.

    Raises:
        InputError: see `array_from`; or the encoding shows no colour; or floats are NaN or out of 0..1; or the size is
            odd where the encoding shares colour between pixels.
    """
    encoding = _encoding_of(message)
    if encoding in PLANAR:
        return rgb_from_planar(message, PLANAR[encoding])
    if encoding not in TO_RGB:
        layout_of(encoding)  # raises for an unknown encoding
        raise InputError(f"encoding {encoding} does not name its channels: publish rgb8, bgr8 or mono8")
    image = array_from(message)
    if image.dtype.kind == "f":
        image = _bytes_from_intensities(image)
    elif image.dtype.itemsize == 2:
        image = to_eight_bits(image, bits)
    return converted(image, encoding)


def converted(image: Rgb, encoding: str) -> Rgb:
    """RGB (H, W, 3) of bytes (H, W) or (H, W, C) in an encoding of `TO_RGB`; the bits in its name are ignored.

    Raises:
        InputError: OpenCV cannot convert an image of this size.
    """
    conversion = TO_RGB[encoding]
    if conversion is None:
        return image
    height, width = image.shape[:2]
    if encoding in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv") and width % 2:
        raise InputError(
            f"image is {width}x{height}, but two pixels of a row share one colour in {encoding}: "
            "the width must be even; publish another size or rgb8"
        )
    if encoding.startswith("bayer_") and (width < 4 or height < 4):
        raise InputError(f"image is {width}x{height}, too small for the mosaic {encoding}")
    try:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), conversion), dtype=np.uint8)
    except cv2.error as error:
        raise InputError(f"OpenCV cannot convert {width}x{height} {encoding} to RGB: {error.err}") from error


def labels_from(message: ImageMessage) -> npt.NDArray[np.uint8]:
    """Class ids (H, W) of mono8 or 8UC1; a read-only view.

    Raises:
        InputError: another encoding, or the data does not fit the size.
    """
    encoding = _encoding_of(message)
    if encoding not in ("mono8", "8UC1"):
        raise InputError(f"labels have encoding {encoding!r}; class ids are mono8 or 8UC1")
    return np.asarray(array_from(message), dtype=np.uint8)


def _encoding_of(message: ImageMessage) -> str:
    if not hasattr(message, "encoding"):
        raise InputError("message is no sensor_msgs/Image: it has no encoding")
    return canonical(str(message.encoding))


def _bytes_from_intensities(image: Array) -> Rgb:
    if not np.isfinite(image).all():
        raise InputError(f"image holds {int((~np.isfinite(image)).sum())} values that are NaN or infinite")
    low, high = float(image.min()), float(image.max())
    if low < 0.0 or high > 1.0:
        raise InputError(f"float image has values {low:.3g} to {high:.3g}, intensities are 0 to 1: is this depth?")
    return np.asarray((image * 255.0 + 0.5).astype(np.uint8))
