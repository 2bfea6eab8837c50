"""Checks on camera images before anything is computed from them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError

#: Below this standard deviation (of 255) in every channel, an image has no content: lens cap, dead sensor, saturation.
MIN_CONTRAST = 2.0


def require_usable(image: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Return the image, (H, W, 3) uint8 RGB, if a network can use it.

    Raises:
        InputError: wrong shape or type, empty, or nearly constant.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"image has shape {image.shape} and type {image.dtype}; (H, W, 3) uint8 is needed")
    if image.size == 0:
        raise InputError(f"image is empty: {image.shape}")
    # For each channel: the channels of a uniform red differ, and it still has no content.
    contrast = float(cv2.meanStdDev(np.ascontiguousarray(image[::4, ::4]))[1].max())
    if contrast < MIN_CONTRAST:
        raise InputError(f"image is nearly constant (standard deviation {contrast:.1f} of 255): is the lens covered?")
    return image  # type: ignore[return-value]
