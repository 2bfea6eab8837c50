"""Depth images to metres."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.messages.compressed_depth import values_from_compressed_depth
from localization_common.messages.encodings import canonical
from localization_common.messages.images import array_from
from localization_common.messages.protocols import CompressedImageMessage, ImageMessage

#: Encoding -> metres in one unit.
_UNITS = {"32FC1": 1.0, "64FC1": 1.0, "16UC1": 0.001, "mono16": 0.001}


def depth_from(message: ImageMessage | CompressedImageMessage) -> npt.NDArray[np.float32]:
    """Depth (H, W) in metres; NaN where unknown: zeros, negative numbers, infinity and NaN.

    Args:
        message: Image of 32FC1 or 64FC1 (metres), 16UC1 or mono16 (millimetres), or CompressedImage of
            compressed_depth_image_transport with PNG.

    Raises:
        InputError: another encoding, or the data does not fit the size.
    """
    if hasattr(message, "encoding"):
        encoding = canonical(str(message.encoding))
        if encoding in _UNITS:
            return _metres(array_from(cast(ImageMessage, message)), _UNITS[encoding])
    else:
        encoding, values = values_from_compressed_depth(message)
        if encoding in _UNITS:
            return _metres(values, _UNITS[encoding] if values.dtype.kind == "u" else 1.0)
    raise InputError(f"depth has encoding {encoding!r}; known are {', '.join(_UNITS)}: publish 16UC1 or 32FC1")


def _metres(values: npt.NDArray[Any], unit: float) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):  # 64FC1 beyond float32 becomes infinite, which is unknown
        depth = values.astype(np.float32) * np.float32(unit)
    depth[~np.isfinite(depth) | (depth <= 0)] = np.nan
    return depth
