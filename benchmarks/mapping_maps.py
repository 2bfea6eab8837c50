"""Rows of the maps: poses of keyframes and frames, scale, occupancy grids."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from camera_offset import align_with_offset
from deep_localization.place_building.keyframes import keyframes_of
from localization_common.datasets.sequence import Sequence
from localization_common.metrics.alignment import Alignment
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.mapping import map_drives
from localization_mapping.measured_length import MeasuredLength
from mapping_config import Part
from mapping_drives import hidden, opened, without_odometry
from mapping_grids import grid_scores
from mapping_localization import plain_poses, scored
from mapping_rows import Numbers
from mapping_run import MappingRun
from mapping_scoring import known_errors, percentile, score_map, true_poses, wheels_alone
from mapping_tables import NO_WHEELS, PLAIN, RECORDED, REDKITCHEN, RPY, TOGETHER, WHEELS, WITH_OFFSET
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
        _map(run, "without odometry", place, NO_WHEELS, partial(_by_hand, path, exclude=held_out), test)


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
        length = MeasuredLength() if test is None else _farthest(true[0])
        place = map_drives([hidden(one) for one in true], run.config.mapping, length=length)
        seconds = time.monotonic() - began
        score = score_map(place, true, scaled=wheels == NO_WHEELS)
        alone = len(true) == 1 and true[0].odom_T_base is not None
        grids = grid_scores(place, true, score.alignment, run.config.seed) if wheels == RECORDED else {}
        return score.numbers() | {
            "metric": place.scale.metric,
            "seconds": seconds,
            "odometry": wheels_alone(true[0]) if alone else None,
            "notes": list(place.notes),
            "grids": grids,
            **({} if test is None else _held_out(place, true[0], test()[0], score.alignment)),
        }

    row = run.row(part, f"{drives}, odometry {wheels}", measure)
    if row is not None:
        run.numbers["maps"].setdefault(drives, {})[wheels] = row
        for name, grid in row["grids"].items():
            run.numbers["occupancy"][f"{drives}, {name}"] = grid
        run.numbers["localization"].setdefault(drives, {}).update(row.get("held_out", {}))
        if "with_offset" in row:
            run.numbers["maps"][drives][WITH_OFFSET] = row | row["with_offset"]


def _farthest(drive: Sequence) -> MeasuredLength:
    """Distance between the first frame and the one farthest from it, as a user would measure it."""
    distances = np.linalg.norm(drive.map_T_camera[:, :3, 3] - drive.map_T_camera[0, :3, 3], axis=1)
    last = int(np.argmax(distances))
    first_number, last_number = (int(drive.frame_numbers[i]) for i in (0, last))
    return MeasuredLength(distance=(first_number, last_number, float(distances[last])))


def _held_out(place: MappedPlace, true: Sequence, test: Sequence, alignment: Alignment) -> Numbers:
    """Localize frames that the map does not have; score map and frames after the offset of the truth's camera, too."""
    known = keyframes_of(place, features=_FEATURES, card={})
    outcome = plain_poses(known, test)
    keyframes = true_poses(place.drives[0].sequence, true)[place.keyframe_position]
    offset = align_with_offset(place.map_T_camera, keyframes)
    errors = known_errors(offset.applied(place.map_T_camera), keyframes)
    all_errors = known_errors(offset.applied(place.drives[0].map_T_camera), true.map_T_camera)
    return {
        "held_out": {PLAIN: scored(outcome, alignment), f"{PLAIN}, {WITH_OFFSET}": scored(outcome, offset)},
        "with_offset": {
            "median_m": errors.median_m,
            "p95_m": percentile(errors.metres, 95.0),
            "median_deg": errors.median_deg,
            "frames_median_m": all_errors.median_m,
        },
    }
