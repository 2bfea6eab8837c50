"""Coverage of a place: headings that the camera had in each part of it, and floor that was seen but not driven."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.grid import OccupancyGrid

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Side of a cell of the coverage, metres; its share of the place's extent where the scale is not known.
_CELL, _CELL_SHARE = 0.5, 0.05
#: Number of sectors of heading.
SECTORS = 8
#: Difference of two headings, in sectors, from which on a cell was driven in both directions: 135 degrees.
_OPPOSITE = 3
#: Distance from the nearest drive from which on free floor was not driven, metres, and its smallest area in m^2.
_AWAY, _LEAST_AREA = 1.0, 0.5


@dataclass(frozen=True)
class Coverage:
    """Cells that the camera was in or beside.

    Attributes:
        cell: side of a cell, in the unit of the map.
        middles: (C, 2) x and y.
        seen: (C, `SECTORS`) True for headings that the camera had there; sector 0 begins at -180 degrees.
    """

    cell: float
    middles: Array
    seen: Mask

    @property
    def one_way(self) -> Mask:
        """(C,) True for cells without two opposite headings."""
        opposite = np.zeros(len(self.seen), np.bool_)
        for turn in range(_OPPOSITE, SECTORS - _OPPOSITE + 1):
            opposite |= (self.seen & np.roll(self.seen, turn, axis=1)).any(axis=1)
        return ~opposite

    @property
    def middle_headings(self) -> Array:
        """Middles (`SECTORS`,) of the sectors, degrees."""
        return np.asarray(-180.0 + (np.arange(SECTORS) + 0.5) * 360.0 / SECTORS)


@dataclass(frozen=True)
class Region:
    """Connected part of the floor.

    Attributes:
        centre: x and y of the part's point that is nearest to its mean.
        size: extents in x and y.
        area: area, in the square of the map's unit.
        cells: indices of its cells; those of the coverage, or empty.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    area: float
    cells: npt.NDArray[np.int64]


def coverage_of(place: MappedPlace) -> Coverage:
    """Coverage by all located frames; a frame counts for the cells whose middle is within a cell of the base."""
    poses = [(drive.map_T_base[drive.located], drive.map_T_camera[drive.located]) for drive in place.drives]
    positions = np.concatenate([base[:, :2, 3] for base, _ in poses])
    sight = np.concatenate([camera[:, :2, 2] for _, camera in poses])
    headings = np.arctan2(sight[:, 1], sight[:, 0])
    sectors = np.floor((headings + np.pi) / (2.0 * np.pi) * SECTORS).astype(np.int64) % SECTORS
    cell = _CELL if place.scale.metric else max(_CELL_SHARE * float(np.ptp(positions, axis=0).max()), 1e-6)
    own = np.floor(positions / cell).astype(np.int64)
    rows = [np.empty((0, 3), dtype=np.int64)]
    for step in ((x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)):
        near = np.linalg.norm((own + step + 0.5) * cell - positions, axis=1) <= cell
        rows.append(np.column_stack([own[near] + step, sectors[near]]))
    every = np.unique(np.concatenate(rows), axis=0)
    cells, owner = np.unique(every[:, :2], axis=0, return_inverse=True)
    seen = np.zeros((len(cells), SECTORS), np.bool_)
    seen[owner.reshape(-1), every[:, 2]] = True
    return Coverage(cell, np.asarray((cells + 0.5) * cell, dtype=np.float64), seen)


def one_way_regions(coverage: Coverage) -> list[Region]:
    """Connected parts of the place that were driven in one direction only, the largest first."""
    one_way = np.nonzero(coverage.one_way)[0]
    if len(one_way) == 0:
        return []
    index = np.round(coverage.middles / coverage.cell - 0.5).astype(np.int64)
    low = index.min(axis=0)
    image = np.zeros((index - low).max(axis=0) + 1, np.uint8)
    image[tuple((index[one_way] - low).T)] = 1
    labels = cv2.connectedComponents(image, connectivity=8)[1][tuple((index - low).T)]
    parts = [np.nonzero(labels == label)[0] for label in range(1, labels.max(initial=0) + 1)]
    regions = [_region(coverage.middles[cells], coverage.cell, cells) for cells in parts]
    return sorted(regions, key=lambda region: -region.area)


def undriven_regions(place: MappedPlace, grid: OccupancyGrid) -> list[Region]:
    """Parts of the free floor far from every drive, the largest first."""
    far = np.full(grid.area.shape, 255, np.uint8)
    for drive in place.drives:
        cells, inside = grid.area.cells_of(drive.map_T_base[drive.located, :2, 3])
        far.reshape(-1)[cells[inside]] = 0
    metres = cv2.distanceTransform(far, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * grid.area.resolution
    count, labels = cv2.connectedComponents((grid.free & (metres > _AWAY)).astype(np.uint8), connectivity=4)
    middles, labels = grid.area.centres().reshape(-1, 2), labels.reshape(-1)
    sizes = np.bincount(labels, minlength=count) * grid.area.resolution**2
    nothing = np.empty(0, dtype=np.int64)
    regions = [
        _region(middles[labels == label], grid.area.resolution, nothing)
        for label in range(1, count)
        if sizes[label] >= _LEAST_AREA
    ]
    return sorted(regions, key=lambda region: -region.area)


def _region(middles: Array, cell: float, cells: npt.NDArray[np.int64]) -> Region:
    nearest = middles[np.linalg.norm(middles - middles.mean(axis=0), axis=1).argmin()]
    size = np.ptp(middles, axis=0) + cell
    return Region(
        (float(nearest[0]), float(nearest[1])), (float(size[0]), float(size[1])), len(middles) * cell**2, cells
    )
