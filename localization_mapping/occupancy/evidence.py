"""Evidence for obstacles and for the floor, as clamped log odds (Hornung et al., OctoMap, 2013)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.occupancy.grid import FREE, OCCUPIED, UNKNOWN, GridArea, Indices, OccupancyGrid

Votes = npt.NDArray[np.int8]

#: Height of a layer of voxels, metres: small enough that a ray over a low table leaves the table's layer as it is.
_LAYER = 0.13
#: Number of heights at which a layer is looked through, so that the plate of a table is not between two of them.
HEIGHTS = 2
#: Votes, in tenths of log odds: one frame saw something there, one frame saw through it, or saw the floor.
HIT, PASS = 8, -4
#: Limits of the votes: few later frames can change a voxel, however often it was seen before.
_LEAST, _MOST = -20, 35
#: Votes from which on a voxel is occupied, and the floor was seen: two frames without a contradiction.
_OCCUPIED, FLOOR_SEEN = 12, -8


class Evidence:
    """Votes of each cell: one layer for its floor, and layers of voxels for obstacles between two heights.

    The floor below a table refutes a stray point on the floor, but not the table: each height has its own votes.

    Args:
        area: cells.
        config: heights of obstacles.
    """

    def __init__(self, area: GridArea, config: OccupancyConfig) -> None:
        self.area = area
        self._low, self._high = config.lowest, config.highest
        self._layers = max(1, round((config.highest - config.lowest) / _LAYER))
        self._votes: Votes = np.zeros((self._layers + 1, area.rows * area.columns), np.int8)

    @property
    def heights(self) -> list[float]:
        """Heights of the limits of the layers of obstacles and between them, `HEIGHTS` a layer, metres, increasing."""
        return [float(height) for height in np.linspace(self._low, self._high, self._layers * HEIGHTS + 1)]

    def voxels_of(self, points: npt.NDArray[np.float64], heights: npt.NDArray[np.float64]) -> Indices:
        """Voxels (M,) without repetition of those points (N, 2), at heights (N,), that may be obstacles."""
        voxels, obstacle = self.voxel_of_each(points, heights)
        return np.unique(voxels[obstacle])

    def voxel_of_each(
        self, points: npt.NDArray[np.float64], heights: npt.NDArray[np.float64]
    ) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Voxel (N,) of each point, and (N,) True if it lies in the area and between the heights of obstacles."""
        cells, inside = self.area.cells_of(points)
        obstacle = inside & (heights >= self._low) & (heights < self._high)
        layer = np.where(obstacle, (heights - self._low) / (self._high - self._low) * self._layers, 0.0)
        return self.voxels(cells, layer.astype(np.int64)), obstacle

    def voxels(self, cells: Indices, layer: int | Indices) -> Indices:
        """Voxels (N,) of cells (N,) in layers of obstacles, 0 for the lowest one."""
        return (layer + 1) * self._votes.shape[1] + cells

    def vote(self, voxels: Indices, votes: int | Indices) -> None:
        """Add votes (or one number of votes) to voxels (N,) without repetition; cells are voxels of the floor."""
        flat = self._votes.reshape(-1)
        flat[voxels] = np.clip(flat[voxels].astype(np.int64) + votes, _LEAST, _MOST)

    def drive_over(self, cells: npt.NDArray[np.bool_]) -> None:
        """Make the cells (rows, columns) free: all that was seen there before was wrong, or is gone."""
        self._votes[:, cells.reshape(-1)] = _LEAST

    @property
    def occupied(self) -> npt.NDArray[np.bool_]:
        """(rows, columns) True for cells with an obstacle, so far."""
        return np.asarray((self._votes[1:].max(axis=0) >= _OCCUPIED).reshape(self.area.shape))

    def grid(self) -> OccupancyGrid:
        """Return the most probable cells."""
        highest = self._votes[1:].max(axis=0)
        free = (self._votes[0] <= FLOOR_SEEN) & (highest <= 0)
        cells = np.where(highest >= _OCCUPIED, OCCUPIED, np.where(free, FREE, UNKNOWN)).astype(np.int8)
        return OccupancyGrid(self.area, cells.reshape(self.area.shape))
