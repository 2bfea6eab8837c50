"""Occupancy grid: cells that are free, occupied or unknown, in the map frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import MapError

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Cells = npt.NDArray[np.int8]

#: Values of cells, as in nav_msgs/OccupancyGrid.
FREE, OCCUPIED, UNKNOWN = 0, 100, -1
#: Largest number of cells: 200 m x 200 m with cells of 5 cm.
MOST_CELLS = 16_000_000


@dataclass(frozen=True)
class GridArea:
    """Rectangle of the map, divided into square cells; rows along y, columns along x.

    Attributes:
        origin: x and y of the lower left corner of cell (0, 0), metres.
        rows, columns: numbers of cells.
        resolution: side of a cell, metres.
    """

    origin: tuple[float, float]
    rows: int
    columns: int
    resolution: float

    @classmethod
    def around(cls, points: Array, margin: float, resolution: float) -> GridArea:
        """Area of points (N, 2) with a margin in metres; corners are multiples of the resolution.

        Raises:
            MapError: the area has too many cells.
        """
        low = np.floor((points.min(axis=0) - margin) / resolution)
        high = np.ceil((points.max(axis=0) + margin) / resolution)
        columns, rows = (int(n) for n in high - low)
        if rows * columns > MOST_CELLS:
            metres = (high - low) * resolution
            raise MapError(
                f"an area of {metres[0]:.0f} x {metres[1]:.0f} m has {rows * columns / 1e6:.0f} million cells of "
                f"{resolution:g} m, the limit is {MOST_CELLS / 1e6:.0f} million: choose larger cells"
            )
        return cls((float(low[0] * resolution), float(low[1] * resolution)), rows, columns, resolution)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns."""
        return self.rows, self.columns

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Bounds min_x, min_y, max_x, max_y in metres."""
        x, y = self.origin
        return x, y, x + self.columns * self.resolution, y + self.rows * self.resolution

    def cells_of(self, points: Array) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Flat indices (N,) of the cells of points (N, 2), 0 for those outside, and (N,) True for those inside."""
        column, row = np.floor((points - self.origin) / self.resolution).astype(np.int64).T
        inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
        return np.where(inside, row * self.columns + column, 0), inside

    def centres(self, rows: slice = slice(None), columns: slice = slice(None)) -> Array:
        """Middles (rows, columns, 2) of these cells, x and y in metres."""
        x = self.origin[0] + (np.arange(self.columns)[columns] + 0.5) * self.resolution
        y = self.origin[1] + (np.arange(self.rows)[rows] + 0.5) * self.resolution
        return np.stack(np.meshgrid(x, y), axis=-1)


@dataclass(frozen=True)
class OccupancyGrid:
    """Cells of an area of the map.

    Attributes:
        area: position and size of the cells.
        cells: (rows, columns) `FREE`, `OCCUPIED` or `UNKNOWN`; row 0 has the smallest y, as in nav_msgs/OccupancyGrid.
    """

    area: GridArea
    cells: Cells

    def __post_init__(self) -> None:
        if self.cells.shape != self.area.shape:
            raise MapError(f"{self.cells.shape} cells do not fit an area of {self.area.shape} cells")

    @property
    def free(self) -> npt.NDArray[np.bool_]:
        """(rows, columns) True for free cells."""
        return np.asarray(self.cells == FREE)

    @property
    def occupied(self) -> npt.NDArray[np.bool_]:
        """(rows, columns) True for occupied cells."""
        return np.asarray(self.cells == OCCUPIED)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(rows, columns) True for free and occupied cells."""
        return np.asarray(self.cells != UNKNOWN)

    def at(self, points: Array) -> Cells:
        """Values (N,) of the cells of points (N, 2), x and y in metres; unknown outside of the area."""
        cells, inside = self.area.cells_of(points)
        return np.where(inside, self.cells.reshape(-1)[cells], np.int8(UNKNOWN)).astype(np.int8)
