"""Frames that a training of a place holds out: blocks along each drive."""

from __future__ import annotations

from collections.abc import Sequence as Collection

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence

#: Number of frames between the middles of two blocks. A block is long enough that its middle is far from the training
#: frames, and there are enough blocks that they lie in different rooms.
_PERIOD = 200
#: Smallest number of frames in a block: a pair.
_SHORTEST = 2


def split_drives(drives: Collection[Sequence], share: float) -> tuple[list[Sequence], list[Sequence]]:
    """Return the drives without their held-out frames, and the held-out frames of the drives that are long enough.

    Args:
        drives: drives of a place.
        share: share of each drive's frames that is held out, 0..1.
    """
    masks = [blocks(len(drive), share) for drive in drives]
    kept = [drive.select(~held) if held.any() else drive for drive, held in zip(drives, masks, strict=True)]
    return kept, [drive.select(held) for drive, held in zip(drives, masks, strict=True) if held.any()]


def blocks(frames: int, share: float) -> npt.NDArray[np.bool_]:
    """Return (frames,) True in blocks whose middles are evenly spread over a drive."""
    held = np.zeros(frames, dtype=np.bool_)
    count = max(1, round(frames / _PERIOD))
    length = int(share * frames / count)
    if length < _SHORTEST:
        return held
    for middle in (np.arange(count) + 0.5) * frames / count:
        first = round(middle - length / 2.0)
        held[first : first + length] = True
    return held
