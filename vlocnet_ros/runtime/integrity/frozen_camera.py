"""Check for images that no working camera delivers: repeated for too long, or out of focus."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError

Image = npt.NDArray[np.uint8]

#: Standard deviation of the grey values of an image of usual contrast, and the smallest one that is brought to it.
_CONTRAST, _LEAST_CONTRAST = 50.0, 5.0
#: Share of the sharpness of the least sharp validation frame below which an image is refused.
_LEAST_SHARE = 1.0 / 3.0


def sharpness(image: Image) -> float:
    """Standard deviation of the Laplacian of an image (H, W, 3), RGB, in grey values of 255 per square pixel.

    It is that of an image of usual contrast: an image in dim light is not less sharp.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).std() * _CONTRAST / max(float(grey.std()), _LEAST_CONTRAST))


class FrozenCameraCheck:
    """Checks each image before the network sees it. No two images of a working sensor are equal, because of noise.

    Args:
        frozen_after: nanoseconds for which images may be equal; 0 switches the check off.
        usual: sharpness of the least sharp validation frame; 0 if unknown.
    """

    def __init__(self, frozen_after: int, usual: float = 0.0) -> None:
        self._limit, self._least = frozen_after, _LEAST_SHARE * usual
        self.reset()

    def reset(self) -> None:
        """Drop the previous image."""
        self._last: tuple[Image, int] | None = None
        self._frozen = False

    def recovers(self, image: Image) -> bool:
        """True for the first new image after the camera had stopped: the motion in between is unknown."""
        return self._frozen and self._last is not None and not np.array_equal(image, self._last[0])

    def check(self, image: Image, stamp: int) -> float:
        """Check an image with its stamp, nanoseconds, and return its sharpness.

        Raises:
            InputError: the camera has stopped, or is out of focus.
        """
        if self._last is None or not np.array_equal(image, self._last[0]):
            self._last, self._frozen = (image, stamp), False
        same = stamp - self._last[1]
        self._frozen = 0 < self._limit < same
        if self._frozen:
            raise InputError(f"the very same picture for {1e-9 * same:.1f} s: has the camera stopped?")
        sharp = sharpness(image)
        if sharp < self._least:
            raise InputError(
                f"image is out of focus: sharpness {sharp:.1f}, but {self._least:.1f} is the least to work with"
            )
        return sharp
