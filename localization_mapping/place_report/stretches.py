"""Weak stretches of a drive: frames without a pose, without points, with few or inaccurate points, or blurred."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from localization_common.recording_check.picture_findings import BLURRED
from localization_common.recording_check.samples import sample_pictures
from localization_mapping.mapped_place import MappedDrive, MappedPlace

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Number of points below which a pose is weak.
FEW_POINTS = 20
#: A residual is large from this many pixels and this many medians of the drive on.
_LARGE_PIXELS, _LARGE_MEDIANS = 2.0, 2.5
#: Frames between two weak ones that belong to one stretch.
_BETWEEN = 3
#: Number of pictures of a drive that are judged for blur, in pairs of neighbours.
_JUDGED = 200


class Weakness(Enum):
    """Reason for which a stretch is weak, as a short text."""

    NOT_LOCATED = "not located"
    ODOMETRY_ONLY = "odometry only, no points"
    FEW_POINTS = "few points"
    LARGE_RESIDUAL = "large residual"
    BLURRED = "blurred"


@dataclass(frozen=True)
class Stretch:
    """Consecutive weak frames of a drive.

    Attributes:
        drive: index of the drive.
        weakness: reason.
        first, last: positions of the first and the last frame in the drive.
        start, end: seconds from the first frame of the drive.
        frames: number of weak frames.
        place: x and y in the middle, in the map; of the nearest located frame if none is located.
        detail: measurement, in words.
    """

    drive: int
    weakness: Weakness
    first: int
    last: int
    start: float
    end: float
    frames: int
    place: tuple[float, float]
    detail: str


def length_unit(place: MappedPlace) -> str:
    """Unit of lengths on the page."""
    return "m" if place.scale.metric else "units"


def seconds_of(drive: MappedDrive) -> Array:
    """Seconds (N,) of the frames from the first one."""
    stamps = drive.sequence.stamps
    return np.asarray((stamps - stamps[0]) * 1e-9)


def weak_stretches(number: int, drive: MappedDrive) -> list[Stretch]:
    """Find weak stretches of a drive, in order of time for each weakness; pictures are read to find blur.

    A drive without any located frame is one stretch. A blurred picture stands for its neighbours that were not judged.
    """
    located, seen = drive.located, drive.inliers > 0
    usual = float(np.nanmedian(drive.residual[located & seen])) if (located & seen).any() else float("nan")
    large = np.nan_to_num(drive.residual) > np.fmax(_LARGE_PIXELS, _LARGE_MEDIANS * usual)
    blurred, blur = _blur(drive)
    flags: dict[Weakness, tuple[Mask, Array, str]] = {
        Weakness.NOT_LOCATED: (~located, drive.residual, ""),
        Weakness.ODOMETRY_ONLY: (located & ~seen, drive.residual, ""),
        Weakness.FEW_POINTS: (
            located & seen & (drive.inliers < FEW_POINTS),
            drive.inliers.astype(np.float64),
            "{:.0f} points in the median",
        ),
        Weakness.LARGE_RESIDUAL: (located & seen & large, drive.residual, "{:.1f} pixels in the median"),
        Weakness.BLURRED: (blurred, blur, "blur {:.2f} in the median"),
    }
    return [
        stretch
        for weakness, (weak, values, detail) in flags.items()
        for stretch in _stretches(number, drive, weakness, weak, values, detail)
    ]


def _blur(drive: MappedDrive) -> tuple[Mask, Array]:
    """(N,) True for blurred pictures, and their blur (N,), NaN where it was not measured."""
    sample = sample_pictures(drive.sequence, _JUDGED)
    blur = np.full(len(drive.sequence), np.nan)
    blur[sample.positions] = sample.blur
    return np.nan_to_num(blur) > BLURRED, blur


def _stretches(
    number: int, drive: MappedDrive, weakness: Weakness, weak: Mask, values: Array, detail: str
) -> Iterator[Stretch]:
    seconds = seconds_of(drive)
    located = np.nonzero(drive.located)[0]
    for frames in _runs(weak):
        first, last = int(frames[0]), int(frames[-1])
        known = values[frames][np.isfinite(values[frames])]
        if len(located) == 0:
            place = (float("nan"), float("nan"))
        else:
            nearest = int(located[np.abs(located - (first + last) / 2).argmin()])
            x, y = drive.map_T_base[nearest, :2, 3]
            place = (float(x), float(y))
        yield Stretch(
            drive=number,
            weakness=weakness,
            first=first,
            last=last,
            start=float(seconds[first]),
            end=float(seconds[last]),
            frames=len(frames),
            place=place,
            detail=detail.format(float(np.median(known))) if detail and len(known) else "",
        )


def _runs(weak: Mask) -> list[npt.NDArray[np.int64]]:
    """Positions of weak frames, in groups with at most `_BETWEEN` other frames between them."""
    positions = np.nonzero(weak)[0].astype(np.int64)
    if len(positions) == 0:
        return []
    return np.split(positions, np.nonzero(np.diff(positions) > _BETWEEN + 1)[0] + 1)
