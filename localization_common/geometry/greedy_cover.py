"""Greedy cover: few rows of a set, so that each row is near one of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt


def greedy_cover(
    count: int, distances_from: Callable[[int], npt.NDArray[np.float64]], *, most: int, first: int = 0
) -> npt.NDArray[np.int64]:
    """Choose rows, in order of choice, until each row is within distance 1 of a chosen one.

    The row that is farthest from all chosen rows is chosen next; the lowest index wins where several are equally far.

    Args:
        count: number of rows N, at least one.
        distances_from: index of a row -> distances (N,) of all rows from it, in units of the largest distance allowed.
        most: number of rows that are chosen at most; some rows may then be farther away.
        first: index of the row that is chosen first.

    Example:
        >>> places = np.array([0.0, 0.4, 2.0, 2.5])
        >>> greedy_cover(4, lambda row: np.abs(places - places[row]), most=4)
        array([0, 3])
    """
    chosen = [first]
    nearest = distances_from(first)
    while len(chosen) < min(most, count) and nearest.max() > 1.0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances_from(chosen[-1]))
    return np.array(chosen, dtype=np.int64)
