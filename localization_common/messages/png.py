"""PNG to pixels."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError


def decode_png(data: bytes) -> npt.NDArray[Any]:
    """Pixels (H, W) brightness, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16; any orientation in it is ignored.

    Raises:
        InputError: it cannot be decoded.
    """
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise InputError(f"PNG is damaged: {error.err}") from error
    if picture is None:
        raise InputError("PNG is damaged: OpenCV cannot decode it")
    if picture.ndim == 2:
        return np.asarray(picture)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB if picture.shape[2] == 3 else cv2.COLOR_BGRA2RGBA))
