"""Planar YUV images (nv12, nv21, nv24) to RGB: the brightness of all pixels is stored first, then their colours."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.encodings import Planar
from localization_common.messages.pixels import bytes_of, check_rows
from localization_common.messages.protocols import ImageMessage

#: BT.601, video range: rows are R, G, B; columns are Y, U, V and a constant, of values 0..255.
_BT601 = np.array(
    [
        [1.164383, 0.0, 1.596027, -1.164383 * 16 - 1.596027 * 128],
        [1.164383, -0.391762, -0.812968, -1.164383 * 16 + (0.391762 + 0.812968) * 128],
        [1.164383, 2.017232, 0.0, -1.164383 * 16 - 2.017232 * 128],
    ]
)


def rgb_from_planar(message: ImageMessage, planar: Planar) -> npt.NDArray[np.uint8]:
    """RGB (H, W, 3); all planes have rows of ``step`` bytes, and ``height`` is that of the image.

    Raises:
        InputError: the size is odd where pixels share a colour, or ``step`` and ``data`` contradict it.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    if width % planar.multiple or height % planar.multiple:
        raise InputError(
            f"image is {width}x{height}, but four pixels share one colour in {message.encoding}: "
            "width and height must be even; publish another size or rgb8"
        )
    data = bytes_of(message.data)
    rows = height * planar.rows[0] // planar.rows[1]
    check_rows(message, len(data), row=width, itemsize=1, rows=rows)
    if planar.conversion is None:
        return _from_444(data, height, width, step)
    stacked = np.ndarray((rows, width), np.uint8, buffer=data, strides=(step, 1))
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(stacked), planar.conversion), dtype=np.uint8)


def _from_444(data: npt.NDArray[np.uint8], height: int, width: int, step: int) -> npt.NDArray[np.uint8]:
    """RGB of nv24: Y in rows of ``step`` bytes, then U and V of each pixel in rows of twice that."""
    brightness = np.ndarray((height, width), np.uint8, buffer=data, strides=(step, 1))
    colour = np.ndarray((height, width, 2), np.uint8, data, step * height, (2 * step, 2, 1))
    yuv = np.dstack([brightness, colour])
    return np.asarray(cv2.transform(yuv, _BT601), dtype=np.uint8)
