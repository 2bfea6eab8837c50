"""Sixteen bits to eight: sensors of 10, 12 or 14 bits leave the upper bits empty."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Bits that sensors have. Messages do not name them: 10 bits in mono16 would look black if 16 were assumed.
SENSOR_BITS = (10, 12, 14, 16)


def bits_in_use(image: npt.NDArray[Any]) -> int:
    """Smallest of `SENSOR_BITS` that holds the largest value of an image of 16-bit values.

    Values that a driver has shifted to the upper bits are large: they keep 16.
    """
    needed = int(image.max(initial=0)).bit_length()
    return next(bits for bits in SENSOR_BITS if bits >= needed)


class BitsInUse:
    """Bits in use on one topic: they grow with a larger value, and never shrink.

    With bits for each image alone, the brightness would jump by four or more whenever the largest value of a dark image
    crosses a limit. Keep one object for each topic, as long as its driver runs.
    """

    def __init__(self, bits: int = SENSOR_BITS[0]) -> None:
        self._bits = bits

    def after(self, image: npt.NDArray[Any]) -> int:
        """Bits that the topic uses, including this image of 16-bit values."""
        if self._bits < SENSOR_BITS[-1]:
            self._bits = max(self._bits, bits_in_use(image))
        return self._bits


def to_eight_bits(image: npt.NDArray[Any], bits: int | BitsInUse | None) -> npt.NDArray[np.uint8]:
    """Image of 16-bit values, of any shape, scaled to uint8.

    Args:
        image: uint16 in any byte order.
        bits: number of bits that the values use, 8 to 16; `BitsInUse` of the topic; or None for the bits that this
            image needs. Larger values become 255.
    """
    native = np.ascontiguousarray(image, dtype=np.uint16)
    if isinstance(bits, int):
        return np.asarray(np.minimum(native >> (bits - 8), 255).astype(np.uint8))
    used = bits_in_use(native) if bits is None else bits.after(native)
    return np.asarray((native >> (used - 8)).astype(np.uint8))
