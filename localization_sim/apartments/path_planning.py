"""Short, smooth, closed paths through an apartment with a distance to walls and furniture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import scipy.sparse
from scipy.sparse.csgraph import dijkstra

from localization_common.errors import ConfigError
from localization_sim.apartments.free_space import CELL, FreeSpace

Points = npt.NDArray[np.float64]

#: Cells of the free space in a cell of the planning grid, along each side.
COARSE = 2


class NoWayError(ConfigError):
    """Error: two places are not connected for a robot of this radius."""


class PathPlanner:
    """Planner of paths on a grid whose cost decreases with the distance to obstacles.

    Args:
        space: free space.
        random: source of a smooth field of extra costs, so that each planner prefers other paths.
        radius: robot radius with margin, metres.
        comfort: distance from which obstacles cost nothing, metres.
    """

    def __init__(self, space: FreeSpace, random: np.random.Generator, *, radius: float, comfort: float) -> None:
        self._space = space
        distance = space.distance[COARSE // 2 :: COARSE, COARSE // 2 :: COARSE]
        taste = scipy.ndimage.zoom(random.uniform(0.0, 2.5, (8, 10)), 20, order=1)[
            : distance.shape[0], : distance.shape[1]
        ]
        rows, columns = distance.shape
        taste = np.pad(taste, ((0, max(0, rows - taste.shape[0])), (0, max(0, columns - taste.shape[1]))), mode="edge")
        cost = 1.0 + taste + 12.0 * np.clip((comfort - distance) / comfort, 0.0, 1.0)
        self.passable = distance > radius
        self._cost = np.where(self.passable, cost, np.inf)
        self._graph = self._edges()

    def free_cells(self) -> Points:
        """Middles (N, 2) of the cells where the robot may be."""
        rows, columns = np.nonzero(self.passable)
        return _middles(rows, columns)

    def path(self, start: Points, goal: Points, *, within: float = np.inf) -> Points:
        """Find the cheapest polyline (N, 2) from one place to another, with at most this cost.

        Raises:
            NoWayError: the places are not connected, or the cost is larger.
        """
        columns = self._cost.shape[1]
        first, last = (int(p[1] / (CELL * COARSE)) * columns + int(p[0] / (CELL * COARSE)) for p in (start, goal))
        costs, before = dijkstra(self._graph, indices=first, return_predecessors=True, limit=within)
        if not np.isfinite(costs[last]):
            raise NoWayError(f"no way from {start.tolist()} to {goal.tolist()} in this apartment")
        cells = [last]
        while cells[-1] != first:
            cells.append(int(before[cells[-1]]))
        rows, cols = np.divmod(np.array(cells[::-1]), columns)
        return _middles(rows, cols)

    def _edges(self) -> scipy.sparse.csr_matrix:
        rows, columns = self._cost.shape
        index = np.arange(rows * columns).reshape(rows, columns)
        sources, targets, weights = [], [], []
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            a = np.s_[: rows - down, max(0, -right) : columns - max(0, right)]
            b = np.s_[down:, max(0, right) : columns - max(0, -right)]
            weight = (self._cost[a] + self._cost[b]) / 2 * np.hypot(down, right)
            ok = np.isfinite(weight)
            sources.append(index[a][ok])
            targets.append(index[b][ok])
            weights.append(weight[ok])
        s, t, w = np.concatenate(sources), np.concatenate(targets), np.concatenate(weights)
        shape = (rows * columns, rows * columns)
        return scipy.sparse.csr_matrix((np.r_[w, w], (np.r_[s, t], np.r_[t, s])), shape=shape)


def _middles(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Points:
    """Map coordinates (N, 2) of the middles of coarse cells."""
    return np.stack([columns, rows], axis=1).astype(np.float64) * (CELL * COARSE) + CELL * (COARSE // 2 + 0.5)


def smooth_loop(space: FreeSpace, polyline: Points, *, spacing: float, keep: float, rounds: int = 10) -> Points:
    """Smooth a closed polyline (M, 2): evenly spaced, rounded, pushed to ``keep`` metres from obstacles."""
    points = resample_loop(polyline, spacing)
    gradient = np.gradient(space.distance, CELL)
    for _ in range(rounds):
        points = points + 0.5 * ((np.roll(points, 1, 0) + np.roll(points, -1, 0)) / 2 - points)
        cells = (points / CELL - 0.5).T[::-1]
        push = np.stack([scipy.ndimage.map_coordinates(g, cells, order=1, mode="nearest") for g in gradient[::-1]], 1)
        lack = np.clip(keep - space.clearance(points), 0.0, None)
        points = points + 0.5 * lack[:, None] * push
    return resample_loop(points, spacing)


def resample_loop(points: Points, spacing: float) -> Points:
    """Resample a closed polyline (M, 2) with a distance of about ``spacing``; the first point stays."""
    closed = np.concatenate([points, points[:1]])
    step = np.linalg.norm(np.diff(closed, axis=0), axis=1)
    keep = np.r_[True, step > 1e-9]
    closed, travelled = closed[keep], np.r_[0.0, np.cumsum(step[step > 1e-9])]
    count = max(8, round(travelled[-1] / spacing))
    where = np.linspace(0.0, travelled[-1], count, endpoint=False)
    return np.stack([np.interp(where, travelled, closed[:, k]) for k in range(2)], axis=1)
