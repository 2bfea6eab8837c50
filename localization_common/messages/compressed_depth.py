"""Messages of compressed_depth_image_transport: twelve bytes, then a PNG."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.compressed import MAX_PIXELS, check_picture_size, read_header
from localization_common.messages.compressed_format import format_of, parse_format
from localization_common.messages.pixels import bytes_of
from localization_common.messages.png import decode_png
from localization_common.messages.protocols import CompressedImageMessage

#: Head of the data: the kind of depth, then the two numbers of the quantisation of 1 / depth.
_HEAD = struct.Struct("<iff")


def values_from_compressed_depth(message: CompressedImageMessage) -> tuple[str, npt.NDArray[Any]]:
    """Encoding before compression, and values (H, W): integers of 16UC1, or float metres of 32FC1.

    Raises:
        InputError: another transport, codec (RVL) or content, or damaged.
    """
    text = format_of(message)
    form = parse_format(text)
    if not form.is_depth:
        raise InputError(f"depth has format {text!r}: name a topic of the raw depth or of compressedDepth")
    if "rvl" in form.codec:
        raise InputError(f"depth has format {text!r}, RVL cannot be read: publish it with png")
    data = bytes_of(message.data).tobytes()
    if len(data) <= _HEAD.size:
        raise InputError(f"compressed depth has {len(data)} bytes: it is empty")
    header = read_header(data[_HEAD.size :], form, text)
    check_picture_size(header, None, MAX_PIXELS)
    if header.kind != "PNG":
        raise InputError(f"compressed depth is {header.kind}; it must be PNG")
    values = decode_png(data[_HEAD.size :])
    if values.ndim != 2 or values.dtype != np.uint16:
        raise InputError(
            f"compressed depth is {values.dtype} of shape {values.shape}; it must be one channel of 16 bits"
        )
    if form.encoding != "32FC1":
        return form.encoding, values
    _, a, b = _HEAD.unpack_from(data)
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = np.float32(a) / (values.astype(np.float32) - np.float32(b))
    return form.encoding, np.where(values == 0, np.float32(np.nan), metres)
