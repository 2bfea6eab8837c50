"""Noticing pictures that no working camera would deliver: out of focus, or the same again and again."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError

Image = npt.NDArray[np.uint8]

#: Share of the sharpness of the least sharp validation frame below which a picture is refused.
_DULL = 1.0 / 3.0


def sharpness(image: Image) -> float:
    """Standard deviation of the Laplacian of a picture (H, W, 3), RGB, in grey values of 255 per square pixel."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).std())


class FrozenCameraCheck:
    """Looks at each picture before the network does. No two of a working sensor are equal, for their noise.

    Args:
        frozen_after: nanoseconds for which pictures may be equal; 0 for ever.
        usual: sharpness of the least sharp picture that the network is known to work with; 0 if that is not known.
    """

    def __init__(self, frozen_after: int, usual: float = 0.0) -> None:
        self._limit, self._least = frozen_after, _DULL * usual
        self.reset()

    def reset(self) -> None:
        """Forget the picture before."""
        self._last: tuple[Image, int] | None = None
        self._closed = False

    def recovers(self, image: Image) -> bool:
        """Whether this is the first new picture after a camera that had stopped: of what it missed nothing is known."""
        return self._closed and self._last is not None and not np.array_equal(image, self._last[0])

    def check(self, image: Image, stamp: int) -> float:
        """Take note of a picture and its stamp, nanoseconds; returns its sharpness.

        Raises:
            InputError: the camera has stopped, or is out of focus.
        """
        if self._last is None or not np.array_equal(image, self._last[0]):
            self._last, self._closed = (image, stamp), False
        same = stamp - self._last[1]
        self._closed = 0 < self._limit < same
        if self._closed:
            raise InputError(f"the very same picture for {1e-9 * same:.1f} s: has the camera stopped?")
        sharp = sharpness(image)
        if sharp < self._least:
            raise InputError(
                f"image is out of focus: sharpness {sharp:.1f}, but {self._least:.1f} is the least to work with"
            )
        return sharp
