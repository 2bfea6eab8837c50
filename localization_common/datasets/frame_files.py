"""Small files of data sets, with errors that name the file and the mistake in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.datasets.summary import plain
from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines
from localization_common.geometry import se3


def require_directory(path: str | Path) -> Path:
    """Return the path of a directory, with ``~`` expanded.

    Raises:
        DatasetError: it is no directory.
    """
    directory = Path(path).expanduser()
    if not directory.is_dir():
        what = "is a file, not a directory" if directory.exists() else "no such directory"
        raise DatasetError(f"{directory}: {what}; give the directory that holds the frames of one sequence")
    return directory


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Key that sorts names by the numbers in them: ``frame9`` before ``frame10``."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def shown(names: Iterable[object]) -> tuple[str, ...]:
    """First few names, as examples for a summary."""
    return tuple(plain(name) for name, _ in zip(names, range(3), strict=False))


def read_numbers(path: Path, columns: int) -> npt.NDArray[np.float64]:
    """Table (N, columns) of a text file with blanks (or commas) between numbers; lines that start with # are skipped.

    Raises:
        DatasetError: missing, not numbers, or a line has another number of columns.
    """
    rows = []
    for number, line in read_lines(path):
        try:
            row = [float(word) for word in line.replace(",", " ").split()]
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: {error}") from error
        if len(row) != columns:
            raise DatasetError(f"{path}:{number}: {len(row)} numbers, not {columns}: {line[:60]!r}")
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, columns)


def require_rigid(poses: npt.NDArray[np.float64], where: object, *, tolerance: float = 0.01) -> npt.NDArray[np.float64]:
    """Poses (..., 4, 4) with rotations that are made exactly orthonormal.

    Text files round their numbers, and this package inverts a rotation by its transpose.

    Raises:
        DatasetError: an entry is not finite, or a rotation is further than ``tolerance`` from a true one.
    """
    try:
        return se3.nearest_rigid(poses, tolerance=tolerance)
    except ValueError as error:
        raise DatasetError(f"{where}: {error}") from error
