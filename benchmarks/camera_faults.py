"""Faults of a camera, applied to recorded frames, to measure if poses are withheld."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError

Image = npt.NDArray[np.uint8]
Kind = Literal["elsewhere", "blurred", "dark", "frozen"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Standard deviation of the blur, as a share of the image's width.
_BLUR = 0.04
#: Mean and standard deviation of the pixels of a covered sensor, of 255.
_DARK = (2.0, 1.5)


@dataclass(frozen=True)
class Faults:
    """Intervals of frames with a fault.

    Attributes:
        kind: ``elsewhere`` shows another place, ``blurred`` is out of focus, ``dark`` has the lens covered, ``frozen``
            repeats the last picture before.
        seconds: length of an interval, seconds.
        count: number of intervals, spread over the sequence.
        seed: seed of the beginnings and of the pictures.
    """

    kind: Kind
    seconds: float = 2.0
    count: int = 5
    seed: int = 0

    def intervals(self, stamps: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """Draw the positions of each interval; each begins in the second quarter of its part of the sequence.

        Raises:
            DatasetError: the sequence is too short.
        """
        seconds = 1e-9 * (stamps - stamps[0])
        part = seconds[-1] / self.count
        if part < 3.0 * self.seconds:
            raise DatasetError(f"{seconds[-1]:.0f} s are too short for {self.count} faults of {self.seconds:.0f} s")
        rng = np.random.default_rng(self.seed)
        begins = (np.arange(self.count) + rng.uniform(0.25, 0.5, self.count)) * part
        return [np.nonzero((seconds >= begin) & (seconds < begin + self.seconds))[0] for begin in begins]


def spoiled(
    sequence: Sequence, faults: Faults, other: Sequence | None = None
) -> tuple[Sequence, npt.NDArray[np.bool_]]:
    """Apply faults to a sequence; return it and the mask (N,) of the faulty frames.

    Args:
        sequence: frames without faults.
        faults: kind and intervals.
        other: frames of another place through an equal camera, for ``elsewhere``.

    Raises:
        DatasetError: another place is missing, or its camera differs.
    """
    rng = np.random.default_rng(faults.seed + 1)
    readers: dict[int, Callable[[], Image]] = {}
    for interval in faults.intervals(sequence.stamps):
        readers |= _readers(sequence, interval, faults.kind, other, rng)

    def read(position: int) -> Image:
        return readers[position]() if position in readers else sequence.read_image(position)

    return replace(sequence, read_image=read), np.isin(np.arange(len(sequence)), list(readers))


def _readers(
    sequence: Sequence,
    interval: npt.NDArray[np.int64],
    kind: Kind,
    other: Sequence | None,
    rng: np.random.Generator,
) -> dict[int, Callable[[], Image]]:
    """Functions that read the faulty picture of each frame of an interval."""
    positions = [int(i) for i in interval]
    if kind == "frozen":
        return {i: lambda: sequence.read_image(positions[0] - 1) for i in positions}
    if kind == "blurred":
        width = _BLUR * sequence.camera.width
        return {i: lambda i=i: _blurred(sequence.read_image(i), width) for i in positions}  # type: ignore[misc]
    if kind == "dark":
        seeds = rng.integers(0, 2**31, len(positions)).tolist()
        shape = (sequence.camera.height, sequence.camera.width, 3)
        return {i: lambda s=s: _dark(shape, s) for i, s in zip(positions, seeds, strict=True)}  # type: ignore[misc]
    if other is None or other.camera != sequence.camera:
        raise DatasetError(f"{sequence.name}: frames of another place, through an equal camera, are needed")
    first = int(rng.integers(0, len(other) - len(positions)))
    return {i: lambda j=j: other.read_image(first + j) for j, i in enumerate(positions)}  # type: ignore[misc]


def _blurred(image: Image, width: float) -> Image:
    return cv2.GaussianBlur(image, (0, 0), width).astype(np.uint8, copy=False)


def _dark(shape: tuple[int, int, int], seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(*_DARK, shape)
    return np.clip(noise, 0, 255).astype(np.uint8)
