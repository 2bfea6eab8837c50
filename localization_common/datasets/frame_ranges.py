"""Ranges of frame numbers, as in the options of commands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError


@dataclass(frozen=True)
class FrameRanges:
    """Ranges of frame numbers, both ends included.

    Example:
        >>> FrameRanges.parse("200-239,450-489").mask(np.array([199, 200, 489]))
        array([False,  True,  True])
    """

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> FrameRanges:
        """Read ``"200-239,450"``; a single number is a range of one.

        Raises:
            DatasetError: the text is not of this form.
        """
        try:
            parts = [tuple(int(n) for n in part.split("-")) for part in text.split(",")]
            ranges = tuple((p[0], p[-1]) for p in parts if len(p) in (1, 2) and p[0] <= p[-1])
        except ValueError as error:
            raise DatasetError(f"frame ranges {text!r} are not of the form 200-239,450: {error}") from error
        if len(ranges) != len(parts):
            raise DatasetError(f"frame ranges {text!r} are not of the form 200-239,450")
        return cls(ranges)

    def mask(self, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """(N,) True for frame numbers (N,) that lie in one of the ranges."""
        inside = [(numbers >= first) & (numbers <= last) for first, last in self.ranges]
        return np.any(np.stack(inside), axis=0)
