"""Trajectories in TUM's text format: lines ``stamp tx ty tz qx qy qz qw``, seconds and metres."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_common.geometry import se3

Poses = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]


def write_tum(path: str | Path, stamps: Stamps, poses: Poses) -> None:
    """Write stamps (N,) in nanoseconds and poses (N, 4, 4); every nanosecond is kept."""
    lines = []
    for stamp, pose in zip(stamps.tolist(), poses, strict=True):
        translation, (w, x, y, z) = se3.to_parts(pose)
        numbers = " ".join(f"{value:.9f}" for value in (*translation, x, y, z, w))
        lines.append(f"{stamp // 10**9}.{stamp % 10**9:09d} {numbers}\n")
    Path(path).write_text("".join(lines), encoding="utf-8")


def read_tum(path: str | Path) -> tuple[Stamps, Poses]:
    """Stamps (N,) in nanoseconds and poses (N, 4, 4) of a file; lines that start with # are skipped.

    Raises:
        DatasetError: the file is missing, holds no pose, or a line is malformed.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read as a trajectory ({error})") from error
    stamps, poses = [], []
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            x, y, z, qx, qy, qz, qw = (float(word) for word in words[1:])
            stamps.append(parse_stamp(words[0]))
            pose = se3.from_parts((x, y, z), (qw, qx, qy, qz))
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: not 'stamp tx ty tz qx qy qz qw' ({error})") from error
        poses.append(pose)
    if not poses:
        raise DatasetError(f"{path}: no poses in it")
    return np.array(stamps, dtype=np.int64), np.stack(poses)


def parse_stamp(text: str) -> int:
    """Nanoseconds of a decimal number of seconds, exact (a float would lose 100 ns of today's Unix time).

    Raises:
        ValueError: the text is no finite number.
    """
    try:
        return round(Decimal(text) * 1_000_000_000)
    except (InvalidOperation, OverflowError, ValueError) as error:
        raise ValueError(f"{text!r} is not a number of seconds") from error
