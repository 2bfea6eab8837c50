"""Random floor plans of mazes: square blocks, free or solid, with corridors, loops and small halls."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_sim.textures import Random

Grid = npt.NDArray[np.bool_]

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))


def draw_layout(random: Random, cells: int, *, loops: float = 0.12, halls: int = 2) -> Grid:
    """Draw a maze around a solid core; return its free blocks (2 * cells - 1, 2 * cells - 1), which are connected.

    Every second block is a cell of a random spanning tree, the blocks between are its passages. The core is solid, so
    that the middle of the maze, the best guess without any information, is seldom correct.

    Args:
        random: source of all random numbers.
        cells: cells along each side.
        loops: share of the walls between two cells that are removed afterwards.
        halls: number of squares of 2x2 cells from which the inner walls are removed.
    """
    free = np.zeros((2 * cells - 1, 2 * cells - 1), dtype=np.bool_)
    allowed = ~core(cells)
    _grow_tree(random, free, allowed)
    between = [(r, c) for r in range(len(free)) for c in range(len(free)) if (r + c) % 2 and _joins(free, r, c)]
    for r, c in between:
        free[r, c] |= random.random() < loops
    for _ in range(halls):
        r, c = (2 * int(i) for i in random.integers(0, cells - 1, 2))
        if free[r, c] and free[r + 2, c] and free[r, c + 2] and free[r + 2, c + 2]:
            free[r : r + 3, c : c + 3] = True
    return free


def core(cells: int) -> Grid:
    """Mask (cells, cells) of the solid cells: 2x2 in the middle, 3x3 if the number of cells is odd."""
    half = 1 if cells % 2 == 0 else 2
    middle = slice((cells + 1) // 2 - half, cells // 2 + half)
    inside = np.zeros((cells, cells), dtype=np.bool_)
    inside[middle, middle] = True
    return inside


def _grow_tree(random: Random, free: Grid, allowed: Grid) -> None:
    """Open blocks along a depth-first search over the allowed cells."""
    cells, path = len(allowed), [(0, 0)]
    free[0, 0] = True
    while path:
        row, column = path[-1]
        ways = [
            (row + dr, column + dc)
            for dr, dc in _STEPS
            if 0 <= row + dr < cells
            and 0 <= column + dc < cells
            and allowed[row + dr, column + dc]
            and not free[2 * (row + dr), 2 * (column + dc)]
        ]
        if not ways:
            path.pop()
            continue
        there = ways[int(random.integers(len(ways)))]
        free[row + there[0], column + there[1]] = free[2 * there[0], 2 * there[1]] = True
        path.append(there)


def _joins(free: Grid, row: int, column: int) -> bool:
    """Return True if a block is solid and lies between two free cells."""
    if free[row, column]:
        return False
    a, b = ((row, column - 1), (row, column + 1)) if row % 2 == 0 else ((row - 1, column), (row + 1, column))
    return bool(free[a] and free[b])
