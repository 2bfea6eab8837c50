"""Decoding of PNG: size, checksums and pixels."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.picture_kinds import PictureHeader
from localization_common.messages.png_parts import pixels_alone


def read_png_header(data: bytes) -> PictureHeader:
    """Header of a PNG, after the checksums of all its parts were compared.

    Raises:
        InputError: it was cut short, or a checksum is wrong.
    """
    view, place, size = memoryview(data), 8, (0, 0)
    while True:
        if place + 12 > len(data):
            raise InputError("PNG is damaged: it was cut short")
        (length,) = struct.unpack_from(">I", data, place)
        name, end = data[place + 4 : place + 8], place + 12 + length
        if end > len(data):
            raise InputError("PNG is damaged: it was cut short")
        if zlib.crc32(view[place + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise InputError(f"PNG is damaged: the checksum of its part {name!r} is wrong")
        if place == 8:
            if name != b"IHDR" or length != 13:
                raise InputError("PNG is damaged: it does not begin with its header")
            size = struct.unpack_from(">II", data, place + 8)
        if name == b"IEND":
            return PictureHeader("PNG", size[0], size[1], 0, end)
        place = end


def decode_png(data: bytes) -> npt.NDArray[Any]:
    """Pixels (H, W) brightness, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16; its orientation is ignored.

    Raises:
        InputError: it cannot be decoded.
    """
    try:
        picture = cv2.imdecode(np.frombuffer(pixels_alone(data), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"PNG is damaged: {error.err}") from error
    if picture is None:
        raise InputError("PNG is damaged: OpenCV cannot decode it")
    if picture.ndim == 2:
        return np.asarray(picture)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA))
