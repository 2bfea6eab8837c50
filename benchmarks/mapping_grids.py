"""Occupancy grids of maps that were made without true poses, compared with the true floor plan."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import asdict, replace
from typing import Any

import numpy as np

import floor_plan_truth
from localization_common.datasets.sequence import Sequence
from localization_common.metrics.alignment import Alignment
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.building import occupancy_grid
from localization_sim.apartments.apartment import Apartment
from mapping_tables import DEPTH, POINTS

Numbers = dict[str, Any]

#: Largest distance of the compared cells from the driven path, metres.
REACH = 1.0


def grid_scores(place: MappedPlace, truth: Many[Sequence], alignment: Alignment, seed: int) -> dict[str, Numbers]:
    """Scores of the grid from points alone, and of the grid from the depth images of the drives, if they have them.

    Args:
        place: metric map of the drives.
        truth: the same drives with true poses and depth.
        alignment: alignment of the map with the truth.
        seed: seed of the apartment.
    """
    apartment = Apartment.from_seed(seed)
    path = np.concatenate([sequence.map_T_base[:, :2, 3] for sequence in truth])
    scores = {}
    for name, depth in ((POINTS, False), (DEPTH, True)):
        if depth and any(sequence.read_depth is None for sequence in truth):
            continue
        grid = occupancy_grid(_with_depth(place, truth if depth else ()))
        score = floor_plan_truth.score(grid, apartment, path, reach=REACH, truth_T_map=alignment.truth_T_estimated)
        scores[name] = asdict(score)
    return scores


def _with_depth(place: MappedPlace, depth: Many[Sequence]) -> MappedPlace:
    """Place whose drives have the depth images of these drives; without these, the place as it is."""
    drives = [
        replace(drive, sequence=replace(drive.sequence, read_depth=sequence.read_depth))
        for drive, sequence in zip(place.drives, depth, strict=False)
    ]
    return replace(place, drives=tuple(drives)) if drives else place
