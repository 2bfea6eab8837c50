"""Conversion of arrays to sensor_msgs/Image."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from localization_common.errors import InputError
from localization_common.messages.encodings import layout_of


def image_from_array(image: npt.NDArray[Any], encoding: str, header: Header) -> Image:
    """Message of an array (H, W) or (H, W, C) in one of the encodings that `messages.array_from` reads.

    Raises:
        InputError: the encoding is unknown or the array does not have its type and channels.
    """
    layout = layout_of(encoding)
    dtype, channels = layout.dtype, layout.channels
    if image.dtype != dtype or image.ndim not in (2, 3) or (image.shape[2] if image.ndim == 3 else 1) != channels:
        raise InputError(f"array {image.shape} of {image.dtype} is not {encoding} ({channels} channels of {dtype})")
    msg = Image(header=header, height=int(image.shape[0]), width=int(image.shape[1]), encoding=encoding)
    msg.step = msg.width * channels * dtype.itemsize
    # The setter takes an array.array unchanged; it would check and copy a list or an ndarray number by number.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(image).reshape(-1).view(np.uint8).data)
    msg.data = data
    return msg
