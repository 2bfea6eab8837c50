"""Order, numbers and stamps of pictures that have names only: frames of videos, exports of phones, COLMAP."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from localization_common.datasets.frame_files import natural_key
from localization_common.files.trajectory_files import stamp_and_unit

Integers = npt.NDArray[np.int64]

#: Frames per second where no times are known.
FRAMES_PER_SECOND = 30
#: Gap between the frame numbers of two folders, so that no pair of consecutive frames spans them.
FOLDER_GAP = 1000
#: Names that are a time: Unix time in seconds with decimals, milliseconds, microseconds, nanoseconds.
_TIME = re.compile(r"[0-9]{10}\.[0-9]+|[0-9]{13,19}")
_NUMBER = re.compile(r"([0-9]+)(?![^/]*[0-9])")


@dataclass(frozen=True)
class FrameOrder:
    """Order of N pictures.

    Attributes:
        positions: (N,) positions in the list of names, in order of time.
        numbers: (N,) frame numbers, increasing.
        stamps: (N,) nanoseconds, increasing.
        assumed: assumptions, as sentences for the summary.
    """

    positions: Integers
    numbers: Integers
    stamps: Integers
    assumed: tuple[str, ...] = ()


def order_of_names(names: Sequence[str], stamps: Sequence[int] | None = None) -> FrameOrder:
    """Order of pictures by the times in their names; else by the numbers in them, folder by folder.

    Args:
        names: unique paths of pictures, with ``/``.
        stamps: nanoseconds, where the recording has them.
    """
    known = list(stamps) if stamps is not None else _times(names)
    if known is not None and len(set(known)) == len(names):
        positions = np.argsort(known, kind="stable")
        ordered = np.array(known, dtype=np.int64)[positions]
        return FrameOrder(positions.astype(np.int64), count_periods(ordered), ordered)
    positions = np.array(sorted(range(len(names)), key=lambda i: natural_key(names[i])), dtype=np.int64)
    numbers = _numbers([names[i] for i in positions])
    sentence = f"the frames are 1/{FRAMES_PER_SECOND} s apart, by the numbers in their names (no times are known)"
    return FrameOrder(positions, numbers, numbers * 1_000_000_000 // FRAMES_PER_SECOND, (sentence,))


def count_periods(stamps: Integers) -> Integers:
    """Frame numbers (N,) that count median periods since the first stamp (N,): lost frames leave gaps."""
    gaps = np.diff(stamps)
    if not len(gaps):
        return np.zeros(len(stamps), dtype=np.int64)
    return np.r_[0, np.cumsum(np.maximum(1, np.rint(gaps / np.median(gaps)).astype(np.int64)))]


def _times(names: Sequence[str]) -> list[int] | None:
    """Times in the names, in nanoseconds; None unless every name is a time."""
    stems = [PurePosixPath(name).stem for name in names]
    if not all(_TIME.fullmatch(stem) for stem in stems):
        return None
    try:
        return [stamp_and_unit(stem)[0] for stem in stems]
    except ValueError:
        return None


def _numbers(names: Sequence[str]) -> Integers:
    """Last number in each name, continued from folder to folder; positions in the order where a name has no number."""
    found = [_NUMBER.search(PurePosixPath(name).stem) for name in names]
    if any(match is None for match in found):
        return np.arange(len(names), dtype=np.int64)
    numbers: list[int] = []
    folder, start = None, 0
    for name, match in zip(names, found, strict=True):
        number = int(match[1]) if match else 0
        if PurePosixPath(name).parent != folder:
            folder, start = PurePosixPath(name).parent, (numbers[-1] + FOLDER_GAP if numbers else 0)
        numbers.append(start + number)
    if numbers != sorted(set(numbers)) or numbers[-1] >= 10**9:
        return np.arange(len(names), dtype=np.int64)
    return np.array(numbers, dtype=np.int64)
