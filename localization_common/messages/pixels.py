"""Pixels in the memory of a message: nothing is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.protocols import ImageMessage

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]


def bytes_of(data: Any) -> Bytes:
    """View (N,) uint8 of a message's ``data``, which is bytes, an array.array, a memoryview or an ndarray."""
    if isinstance(data, list | tuple):  # a message that was filled by hand
        return np.array(data, dtype=np.uint8)
    view = np.frombuffer(data, np.uint8) if len(data) else np.zeros(0, np.uint8)
    view.flags.writeable = False
    return view


def rows_of(message: ImageMessage, dtype: np.dtype[Any], channels: int) -> Array:
    """View (H, W, C) of an image's pixels, read-only; ``step`` and ``is_bigendian`` are honoured.

    Raises:
        InputError: the image is empty, or ``step`` and ``data`` contradict the size.
    """
    height, width, step = int(message.height), int(message.width), int(message.step)
    data = bytes_of(message.data)
    check_rows(message, len(data), row=width * channels * dtype.itemsize, itemsize=dtype.itemsize, rows=height)
    view = np.ndarray(
        (height, width, channels),
        dtype.newbyteorder(">" if message.is_bigendian else "<"),
        buffer=data,
        strides=(step, channels * dtype.itemsize, dtype.itemsize),
    )
    view.flags.writeable = False
    return view


def check_rows(message: ImageMessage, size: int, *, row: int, itemsize: int, rows: int) -> None:
    """Refuse a message whose ``data`` does not hold exactly so many rows.

    Args:
        message: message with size, encoding and step.
        size: number of bytes of data.
        row: number of bytes of one row's pixels.
        itemsize: number of bytes of one value.
        rows: number of rows of ``step`` bytes that the data must hold.

    Raises:
        InputError: the image is empty, or ``step`` and ``data`` contradict the size.
    """
    step = int(message.step)
    if message.width == 0 or message.height == 0 or size == 0:
        raise InputError(f"image is empty: {message.width}x{message.height}, {size} bytes")
    if step < row or step % itemsize:
        raise InputError(
            f"step is {step} bytes, but a row of {message.width} pixels in {message.encoding} takes {row}: "
            "correct the driver's step"
        )
    if size < step * (rows - 1) + row:
        raise InputError(
            f"data holds {size} bytes, but {rows} rows of {step} bytes take {step * rows}: the image was cut short"
        )
    if size > step * rows:
        raise InputError(f"data holds {size} bytes, more than {rows} rows of {step} bytes: step or height is wrong")
