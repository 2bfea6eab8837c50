"""Tiles of a keyframe map's points: of a large map, only the tiles near a camera are read and compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

#: Side of a tile, metres.
SIDE = 2.5


@dataclass(frozen=True)
class PointTiles:
    """Tiles of points that are stored one after another: points, and appearances in the order of their points.

    Attributes:
        first: (T,) int32, increasing: index of each tile's first point; the first is 0.
        points: (P, 3) metres.
        appearance_point: (A,) index of each appearance's point.
        ranges: (A,) metres from the camera that saw an appearance to the point.
    """

    first: npt.NDArray[np.int32]
    points: Floats
    appearance_point: npt.NDArray[np.int32]
    ranges: Floats

    def near(self, map_T_camera: Array, *, view_scale: float, nearest: float) -> tuple[Indices, Indices, Indices]:
        """Return the points and appearances of the tiles that a camera may see.

        A tile is left out if all of it is behind the camera, or farther away than its appearances allow.

        Args:
            map_T_camera: (4, 4) pose of the camera.
            view_scale: largest ratio of the distances of a point and of an appearance.
            nearest: smallest depth of a point, metres.

        Returns:
            Points (N,), increasing; appearances (M,), increasing; index (M,) of each appearance's point among the N.
        """
        low, high = self._bounds
        position = map_T_camera[:3, 3]
        away = np.linalg.norm(np.maximum(0.0, np.maximum(low - position, position - high)), axis=1)
        forward = map_T_camera[:3, 2]
        farthest = np.where(forward > 0.0, high, low)  # the corner that is farthest ahead
        ahead = (farthest - position) @ forward
        # A thousandth more, because the tests of points and appearances are in single precision.
        tiles = np.nonzero((away <= 1.001 * view_scale * self._reach) & (ahead > nearest - 1e-3))[0]
        ends, appearance_ends = self._point_ends, self._appearance_ends
        points, appearances = _rows(ends, tiles), _rows(appearance_ends, tiles)
        before = np.cumsum(ends[tiles + 1] - ends[tiles]) - (ends[tiles + 1] - ends[tiles])
        shift = np.repeat(before - ends[tiles], appearance_ends[tiles + 1] - appearance_ends[tiles])
        return points, appearances, self.appearance_point[appearances] + shift

    @cached_property
    def _point_ends(self) -> Indices:
        """First point of each tile, and the number of points (T + 1,)."""
        return np.append(self.first, len(self.points)).astype(np.int64)

    @cached_property
    def _appearance_ends(self) -> Indices:
        """First appearance of each tile, and the number of appearances (T + 1,)."""
        return np.searchsorted(self.appearance_point, self._point_ends).astype(np.int64)

    @cached_property
    def _bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner of each tile, (T, 3) each."""
        low, high = (f.reduceat(self.points, self.first, axis=0) for f in (np.minimum, np.maximum))
        return low.astype(np.float64), high.astype(np.float64)

    @cached_property
    def _reach(self) -> Floats:
        """Largest range (T,) of the appearances of each tile; 0 for a tile without appearances."""
        reach = np.zeros(len(self.first), dtype=np.float32)
        ends = self._appearance_ends
        filled = np.nonzero(np.diff(ends))[0]
        reach[filled] = np.maximum.reduceat(self.ranges, ends[filled])
        return reach


def tile_order(points: Floats, reach: Floats) -> tuple[Indices, npt.NDArray[np.int32]]:
    """Return the order (P,) of points by tiles, and the first position of each tile (T,) in this order.

    Points of a tile lie in one cube, and are seen from similar distances: a few that are seen from far away would
    otherwise bring the near ones with them.

    Args:
        points: (P, 3) metres.
        reach: (P,) largest range of the appearances of each point, metres.
    """
    octave = np.ceil(np.log2(np.maximum(reach, 1.0))).astype(np.int64)
    keys = np.column_stack([np.floor(points / SIDE).astype(np.int64), octave])
    order = np.lexsort(keys.T[::-1])
    changes = (np.diff(keys[order], axis=0) != 0).any(axis=1)
    return order, np.concatenate([[0], np.nonzero(changes)[0] + 1]).astype(np.int32)


def _rows(ends: Indices, tiles: Indices) -> Indices:
    """Return the rows (N,) of some tiles (U,), from the ends (T + 1,) of all tiles."""
    starts, counts = ends[tiles], ends[tiles + 1] - ends[tiles]
    shift = np.repeat(starts - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return np.asarray(shift + np.arange(len(shift)), dtype=np.int64)
