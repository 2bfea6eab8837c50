"""Cells under the footprint of a robot along its drive."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_mapping.mapped_place import MappedDrive
from localization_mapping.occupancy.grid import GridArea

Array = npt.NDArray[np.float64]

#: Largest step between two located frames that is taken for a straight way, metres and seconds.
_LONGEST_STEP, _LONGEST_TIME = 0.5, 2.0


def driven_path(drive: MappedDrive, spacing: float) -> Array:
    """Positions (M, 2) of the base, x and y, at most ``spacing`` metres apart.

    The way between two located frames is straight. There is none where frames in between could not be located for a
    longer time or way.
    """
    located = np.nonzero(drive.located)[0]
    if len(located) == 0:
        return np.empty((0, 2))
    positions = drive.map_T_base[located, :2, 3]
    seconds = np.diff(drive.sequence.stamps[located]) * 1e-9
    path = [positions[:1]]
    for start, end, time in zip(positions[:-1], positions[1:], seconds, strict=True):
        metres = float(np.linalg.norm(end - start))
        way = metres <= _LONGEST_STEP and time <= _LONGEST_TIME
        steps = max(1, int(np.ceil(metres / spacing))) if way else 1
        path.append(start + (end - start) * (np.arange(1, steps + 1) / steps)[:, None])
    return np.concatenate(path)


def footprint(path: Array, area: GridArea, radius: float) -> npt.NDArray[np.bool_]:
    """(rows, columns) True for cells whose middle is within a radius in metres of a path (M, 2)."""
    reach = int(np.ceil(radius / area.resolution))
    steps = np.arange(-reach, reach + 1)
    own = np.floor((path - area.origin) / area.resolution).astype(np.int64)
    covered = np.zeros(area.rows * area.columns, np.bool_)
    for step in np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2):
        middles = (own + step + 0.5) * area.resolution + area.origin
        near = np.linalg.norm(middles - path, axis=1) <= radius
        cells, inside = area.cells_of(middles[near])
        covered[cells[inside]] = True
    return covered.reshape(area.shape)
