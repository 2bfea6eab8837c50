"""Trajectories in TUM's text format: lines ``stamp tx ty tz qx qy qz qw``, seconds and metres."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines
from localization_common.geometry import se3

Poses = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]

#: Unit of a stamp by its size: smallest value, name of the unit, and nanoseconds in one unit. Times in seconds up to
#: the year 2103, times in milliseconds from 1973 on, and so on: no time of a camera is ambiguous.
_UNITS = (
    (Decimal(10) ** 17, "nanoseconds", 1),
    (Decimal(10) ** 14, "microseconds", 1_000),
    (Decimal(10) ** 11, "milliseconds", 1_000_000),
)
_LAST_SECOND = Decimal("4.2e9")
_COLUMNS = "stamp tx ty tz qx qy qz qw"
_EUROC = (
    "looks like EuRoC's CSV, whose quaternions begin with w; a TUM file has "
    f"'{_COLUMNS}' in seconds (evo_traj euroc FILE --save_as_tum converts)"
)
#: Names of a quaternion's parts in a header: qx, q_x, q.x, q_RS_x.
_QUATERNION = re.compile(r"\bq[_.]?(?:rs_)?([wxyz])\b")


@dataclass(frozen=True)
class StampedTrajectory:
    """Poses of a file in order of time.

    Attributes:
        stamps: (N,) nanoseconds, increasing.
        poses: (N, 4, 4).
        unit: unit of the stamps in the file.
        unknown: lines whose pose is not known (NaN, infinity, a quaternion of zeros), as ``file:line: reason``.
        doubled: lines whose stamp an earlier line has too.
        unordered: lines whose stamp is smaller than that of the line before.
    """

    stamps: Stamps
    poses: Poses
    unit: str = "seconds"
    unknown: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()


def write_tum(path: str | Path, stamps: Stamps, poses: Poses) -> None:
    """Write stamps (N,) in nanoseconds and poses (N, 4, 4); every nanosecond is kept."""
    lines = []
    for stamp, pose in zip(stamps.tolist(), poses, strict=True):
        translation, (w, x, y, z) = se3.to_parts(pose)
        numbers = " ".join(f"{value:.9f}" for value in (*translation, x, y, z, w))
        lines.append(f"{stamp // 10**9}.{stamp % 10**9:09d} {numbers}\n")
    Path(path).write_text("".join(lines), encoding="utf-8")


def read_tum(path: str | Path) -> StampedTrajectory:
    """Trajectory of a file with blanks, tabs or commas between numbers; lines that start with # are skipped.

    Stamps in milliseconds, microseconds or nanoseconds are recognised by their size.

    Raises:
        DatasetError: the file is missing, holds no pose, or a line is malformed.
    """
    path = Path(path)
    found: dict[int, Poses] = {}
    unknown, doubled, unordered = [], [], []
    unit, last = "", None
    for number, line in _numbered_lines(path):
        where, words = f"{path}:{number}", line.replace(",", " ").split()
        if len(words) != 8:
            raise DatasetError(f"{where}: {_other_format(words)}")
        try:
            values = [float(word) for word in words]
            stamp, this_unit = stamp_and_unit(words[0]) if np.isfinite(values).all() else (0, "")
        except ValueError as error:
            raise DatasetError(f"{where}: not '{_COLUMNS}' ({error})") from error
        if not this_unit:
            unknown.append(f"{where}: holds NaN or infinity")
            continue
        if unit and this_unit != unit and stamp != 0:
            raise DatasetError(f"{where}: {words[0]} looks like {this_unit}, but the lines before are in {unit}")
        if "," in line and this_unit == "nanoseconds":
            raise DatasetError(f"{where}: {_EUROC}")
        unit = unit or (this_unit if stamp != 0 else "")
        if last is not None and stamp < last:
            unordered.append(where)
        last = stamp
        if stamp in found:
            doubled.append(where)
            continue
        x, y, z, qx, qy, qz, qw = values[1:]
        try:
            found[stamp] = se3.from_parts((x, y, z), (qw, qx, qy, qz))
        except ValueError as error:
            unknown.append(f"{where}: {error}")
    if not found:
        raise DatasetError(f"{path}: no poses in it" + (f" ({unknown[0]})" if unknown else ""))
    stamps = sorted(found)
    poses = np.stack([found[stamp] for stamp in stamps])
    marks = (tuple(unknown), tuple(doubled), tuple(unordered))
    return StampedTrajectory(np.array(stamps, dtype=np.int64), poses, unit or "seconds", *marks)


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers. A header, as a comment or not, must have TUM's order of columns if it names them."""
    for number, line in read_lines(path, comment=""):
        names = _QUATERNION.findall(line.lower())
        if names:
            if names[0] == "w":
                raise DatasetError(f"{path}:{number}: {_EUROC}")
        elif not line.startswith(("#", "%")):
            yield number, line


def stamp_and_unit(text: str) -> tuple[int, str]:
    """Nanoseconds of a decimal number, exact (a float would lose 100 ns of today's Unix time), and its unit.

    The size decides the unit: seconds up to 4.2e9 (the year 2103), then milliseconds, microseconds, nanoseconds.

    Raises:
        ValueError: the text is no finite number, or a time in none of these units.
    """
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a number of seconds") from error
    if not value.is_finite():
        raise ValueError(f"{text!r} is not a number of seconds")
    size = abs(value)
    unit, factor = next(((name, factor) for first, name, factor in _UNITS if size >= first), ("seconds", 10**9))
    if _LAST_SECOND < size < _UNITS[-1][0] or size * factor >= 2**63:
        raise ValueError(f"{text!r} is not a time in seconds, milliseconds, microseconds or nanoseconds")
    return round(value * factor), unit


def _other_format(words: list[str]) -> str:
    """Error message for a line with another number of columns, with the probable format."""
    expected = f"{len(words)} columns, not the 8 of '{_COLUMNS}'"
    if len(words) == 12:
        return f"{expected}; 12 are KITTI's poses, which have no stamps: evo_traj kitti FILE --save_as_tum converts"
    if len(words) == 17:
        return f"{expected}; 17 are EuRoC's state_groundtruth_estimate0: evo_traj euroc FILE --save_as_tum converts"
    return expected
