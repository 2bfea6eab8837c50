"""Findings on the place: driven area, headings, loops, both directions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.recording_check.findings import CheckResult, Grade
from localization_common.report.drive_tracks import plan_axes

Array = npt.NDArray[np.float64]

#: Possible sides of the cells of the place, metres, and the largest number of cells along it; the smallest possible
#: side is taken. A metre is for rooms (dmn's views are 0.8 m apart).
_CELLS_M, _MOST_CELLS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0), 50
#: Number of sectors of heading.
SECTORS = 8
#: A place is seen again if the camera comes within half a cell of it after a way of so many cells.
_AWAY_CELLS = 5.0
#: Largest angle between headings of the same direction, and smallest of opposite directions, degrees.
_SAME_DEG, _OPPOSITE_DEG = 45.0, 135.0
#: Extent in metres below which the place was seen from one spot only.
_ONE_SPOT_M = 1.0
#: Number of poses that are compared with each other: more give the same result.
_MOST_COMPARED = 1500
#: Share of the way in both directions from which on there is no advice.
_BOTH_WAYS = 0.2


def check_coverage(sequence: Sequence) -> CheckResult:
    """Check area, headings, loops, and the share of the way that was driven in both directions."""
    known = sequence.has_pose
    if known.sum() < 2:
        return CheckResult("coverage", Grade.OK, "not known without true poses", "", {})
    plane, headings = plan_of(sequence)
    cell = cell_of(plane)
    _, per_cell = headings_of_cells(plane, headings)
    extent = np.ptp(plane, axis=0)
    again, opposite, loops = _revisits(plane, headings, cell)
    numbers = {
        "extent_m": extent.tolist(),
        "cell_m": cell,
        "area_m2": len(per_cell) * cell**2,
        "cells": len(per_cell),
        "headings_per_cell": float(per_cell.mean()),
        "loops": loops,
        "seen_again_share": again,
        "both_directions_share": opposite,
    }
    sentence = (
        f"{extent[0]:.1f} x {extent[1]:.1f} m, {len(per_cell)} cells of {cell:g} m, {per_cell.mean():.1f} of "
        f"{SECTORS} headings in each; loops: {loops}, {again:.0%} seen again, {opposite:.0%} in both directions"
    )
    if float(np.hypot(*extent)) < _ONE_SPOT_M:
        advice = "Drive through the place: it was seen from one spot only."
        return CheckResult("coverage", Grade.WARN, sentence, advice, numbers)
    tips = [] if loops else ["Come back to places that were seen before (loops)."]
    tips += (
        []
        if opposite >= _BOTH_WAYS
        else ["Drive every way in both directions: a robot that comes back sees other things."]
    )
    return CheckResult("coverage", Grade.OK, sentence, " ".join(tips), numbers)


def plan_of(sequence: Sequence) -> tuple[Array, Array]:
    """Positions (M, 2) of the camera seen from above, and its headings (M,) there in radians, where poses are known."""
    poses = sequence.map_T_camera[sequence.has_pose]
    axes = list(plan_axes(poses[:, :3, 3]))
    view = poses[:, :3, 2][:, axes]
    return poses[:, :3, 3][:, axes], np.arctan2(view[:, 1], view[:, 0])


def cell_of(plane: Array) -> float:
    """Side in metres of the cells for positions (M, 2)."""
    extent = float(np.ptp(plane, axis=0).max())
    return next((cell for cell in _CELLS_M if extent <= _MOST_CELLS * cell), _CELLS_M[-1])


def headings_of_cells(plane: Array, headings: Array) -> tuple[Array, npt.NDArray[np.int64]]:
    """Lower corners (C, 2) of the cells of the place in metres, and the number of headings (C,) seen from each."""
    sectors = np.floor((headings + np.pi) / (2.0 * np.pi) * SECTORS).astype(np.int64) % SECTORS
    cell = cell_of(plane)
    cells, of_cell = np.unique(np.floor(plane / cell).astype(np.int64), axis=0, return_inverse=True)
    seen = np.unique(np.stack([of_cell.ravel(), sectors], axis=1), axis=0)
    return np.asarray(cells * cell, dtype=np.float64), np.bincount(seen[:, 0]).astype(np.int64)


def _revisits(plane: Array, headings: Array, cell: float) -> tuple[float, float, int]:
    """Share of the poses whose place is seen again, share seen with the opposite heading, and number of loops."""
    chosen = np.unique(np.linspace(0, len(plane) - 1, _MOST_COMPARED).round().astype(np.int64))
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(plane, axis=0), axis=1))])[chosen]
    plane, headings = plane[chosen], headings[chosen]
    near = np.linalg.norm(plane[:, None] - plane[None], axis=-1) < 0.5 * cell
    away = np.abs(way[:, None] - way[None]) > _AWAY_CELLS * cell
    turned = np.degrees(np.abs((headings[:, None] - headings[None] + np.pi) % (2.0 * np.pi) - np.pi))
    before = np.tril(near & away & (turned < _SAME_DEG)).any(axis=1)
    loops = int(np.count_nonzero(np.diff(np.concatenate([[0], before.astype(np.int8)])) == 1))
    again = (near & away & (turned < _SAME_DEG)).any(axis=1)
    opposite = (near & (turned > _OPPOSITE_DEG)).any(axis=1)
    return float(again.mean()), float(opposite.mean()), loops
