"""Rows of the maps: poses of keyframes and frames, scale, occupancy grids."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deep_localization.place_building.keyframes import keyframes_of
from localization_common.datasets.sequence import Sequence
from localization_mapping.mapping import map_drives
from mapping_config import Part
from mapping_drives import hidden, opened, without_odometry
from mapping_grids import grid_scores
from mapping_localization import refined_poses, scored
from mapping_rows import Numbers
from mapping_run import MappingRun
from mapping_scoring import score_map, wheels_alone
from mapping_tables import RECORDED, REDKITCHEN, REFINED, RPY, TOGETHER, WHEELS
from refinement_scenes import HELD_OUT, missing

Drives = Callable[[], list[Sequence]]

#: Number of features of an image of the robot, as in the command.
_FEATURES = 800


def measure_maps(run: MappingRun) -> None:
    """Measure maps of one drive and of three, and of hand-held cameras; the mapping gets no true poses."""
    for name in ("train_00",) if run.config.quick else ("train_00", "train_01"):
        for wheels, factor in {RECORDED: 1.0}.items() if run.config.quick else WHEELS.items():
            _map(run, "drives", name, wheels, partial(_drives, run, name, factor))
    if run.config.quick:
        return
    _map(run, "together", TOGETHER, RECORDED, partial(_drives, run, TOGETHER))
    for place, path, held_out in ((REDKITCHEN, run.config.redkitchen, HELD_OUT), (RPY, run.config.rpy, "")):
        if lacking := missing([path]):
            run.numbers["left_out"][place] = lacking
            continue
        test = partial(_by_hand, path, frames=held_out) if held_out else None
        _map(run, "without odometry", place, "none", partial(_by_hand, path, exclude=held_out), test)


def _drives(run: MappingRun, names: str, factor: float = 1.0) -> list[Sequence]:
    return [run.drive(name, factor) for name in names.split(", ")]


def _by_hand(path: Path, *, frames: str = "", exclude: str = "") -> list[Sequence]:
    """Open a drive of a camera that was carried by hand, only some frames or without some."""
    return [without_odometry(opened(path).chosen(frames, exclude))]


def _map(
    run: MappingRun,
    part: Part,
    drives: str,
    wheels: str,
    truth: Drives,
    test: Drives | None = None,
) -> None:
    """Measure the map of some drives, and frames that were held out, in this map."""

    def measure() -> Numbers:
        true = truth()
        began = time.monotonic()
        place = map_drives([hidden(one) for one in true], run.config.mapping)
        seconds = time.monotonic() - began
        score = score_map(place, true, scaled=not place.scale.metric)
        alone = len(true) == 1 and true[0].odom_T_base is not None
        grids = grid_scores(place, true, score.alignment, run.config.seed) if wheels == RECORDED else {}
        found = None
        if test is not None:
            known = keyframes_of(place, features=_FEATURES, card={})
            found = scored(refined_poses(known, *test()), score.alignment)
        return score.numbers() | {
            "metric": place.scale.metric,
            "seconds": seconds,
            "odometry": wheels_alone(true[0]) if alone else None,
            "notes": list(place.notes),
            "grids": grids,
            "held_out": found,
        }

    row = run.row(part, f"{drives}, odometry {wheels}", measure)
    if row is not None:
        run.numbers["maps"].setdefault(drives, {})[wheels] = row
        for name, grid in row["grids"].items():
            run.numbers["occupancy"][f"{drives}, {name}"] = grid
        if row["held_out"] is not None:
            run.numbers["localization"].setdefault(drives, {})[REFINED] = row["held_out"]
