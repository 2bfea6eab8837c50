"""Rows of the robot: another drive localized in places that ``localization_map`` made, and the time until then."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from collections.abc import Sequence as Many
from functools import partial
from pathlib import Path

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics.alignment import Alignment
from localization_common.place import Place
from mapping_drives import opened
from mapping_localization import keyframe_localizer, plain_poses, refined_poses, scored
from mapping_places import hidden_bag, make_place, poses_in
from mapping_rows import Numbers
from mapping_run import MappingRun
from mapping_scoring import score_frames
from mapping_tables import EXTENDED, MOVED, PLAIN, RECORDED, REFINED, TOGETHER
from refinement_trials import RefinementOutcome
from starting_anywhere import LARGEST, StartingConfig, first_frames, start
from vlocnet_ros.runtime.replay import replay

Localize = Callable[[KeyframeMap, Sequence], RefinementOutcome]

#: Number of frames of the drive whose mapping is timed.
_TIMED_FRAMES = 500
#: Line of a finished stage in the log of the command.
_STAGE = re.compile(r"^(?:\S+: )?([a-z ]+): \d+ in (\d+) s$")


def measure_robot(run: MappingRun) -> None:
    """Measure localization in places of one drive and of three, an extended place, and the time to the first pose."""
    for drives in ("train_00",) if run.config.quick else ("train_00", TOGETHER):
        names = drives.split(", ")
        for poses, localize in ((PLAIN, plain_poses), (REFINED, refined_poses)):
            row = run.row("place", f"{drives}, {poses}", partial(_localized, run, names, localize))
            if row is not None:
                run.numbers["localization"].setdefault(drives, {})[poses] = row
        started = run.row("starts", f"{drives}, starts", partial(_started, run, names))
        if started is not None:
            run.numbers["starts"][drives] = started
    timed = run.row("place", "time", partial(_timed, run))
    if timed is not None:
        run.numbers["time"] = timed["parts"]
    if not run.config.quick and (row := run.row("place", EXTENDED, partial(_extended, run))) is not None:
        run.numbers["maps"].setdefault(EXTENDED, {})[RECORDED] = row["map"]
        run.numbers["localization"].setdefault(EXTENDED, {})[MOVED] = row["localization"]


def _localized(run: MappingRun, names: Many[str], localize: Localize) -> Numbers:
    """Localize the test drive in the place of some drives."""
    known, alignment = _place(run, names)
    return scored(localize(known, run.drive("test")), alignment)


def _started(run: MappingRun, names: Many[str]) -> Numbers:
    """Start at random frames of the test drive, with the keyframe map and the wheels alone."""
    known, alignment = _place(run, names)
    config = StartingConfig(drive=run.apartment / "test", starts=10 if run.config.quick else 100)
    test = run.drive("test")
    localizer, true_T_map = keyframe_localizer(known, test), alignment.truth_T_estimated
    starts = [start(localizer, test, int(i), config.seconds, true_T_map) for i in first_frames(test, config)]
    waited = [one.seconds for one in starts if one.seconds is not None]
    return {
        "starts": len(starts),
        "in_time": len(waited),
        "wrong": sum(one.metres > LARGEST for one in starts),
        "median_s": float(np.median(waited)) if waited else None,
    }


def _place(run: MappingRun, names: Many[str]) -> tuple[KeyframeMap, Alignment]:
    """Open the place of some drives, which is made if it is missing, and align it with their true poses."""
    true = [run.drive(name) for name in names]
    bags = [hidden_bag(one, _bags(run) / name) for one, name in zip(true, names, strict=True)]
    place = run.config.work / "places" / f"{'_'.join(names)}{'_quick' if run.config.quick else ''}"
    if not place.exists():
        make_place(bags, place)
    alignment, _ = score_frames(poses_in(place, bags), np.concatenate([one.map_T_camera for one in true]))
    return _keyframes(place), alignment


def _extended(run: MappingRun) -> Numbers:
    """Make a place of two drives, add a drive after furniture was moved, and localize another drive after that."""
    moved = run.config.rearranged
    true = [run.drive("train_00"), run.drive("train_01"), opened(moved / "train_00")]
    names = ("train_00", "train_01", "moved_train_00")
    bags = [hidden_bag(one, _bags(run) / name) for one, name in zip(true, names, strict=True)]
    place = run.config.work / "places" / "extended"
    shutil.rmtree(place, ignore_errors=True)
    began = time.monotonic()
    make_place(bags[:2], place)
    make_place(bags[2:], place, extend=True)
    seconds = time.monotonic() - began
    alignment, numbers = score_frames(poses_in(place, bags), np.concatenate([one.map_T_camera for one in true]))
    found = scored(refined_poses(_keyframes(place), opened(moved / "test")), alignment)
    return {"map": numbers | {"seconds": seconds}, "localization": found}


def _keyframes(place: Path) -> KeyframeMap:
    return KeyframeMap.load(Place.open(place).file("keyframes"))


def _timed(run: MappingRun) -> Numbers:
    """Time the command on a drive of `_TIMED_FRAMES` frames, then the first pose on another drive, in seconds."""
    folder = run.apartment if run.config.quick else run.config.rearranged
    drive = opened(folder / "train_00", _TIMED_FRAMES)
    bag, place = hidden_bag(drive, _bags(run) / "timed"), run.config.work / "places" / "timed"
    began = time.monotonic()
    log = make_place([bag], place)
    whole = time.monotonic() - began
    parts = _stages(log)
    other_drive = opened(folder / "test")
    began = time.monotonic()
    _first_pose(place, other_drive)
    first = time.monotonic() - began
    parts |= {"start, reading and writing": whole - sum(parts.values()), "first pose": first}
    return {"frames": len(drive), "parts": parts}


def _stages(log: Path) -> dict[str, float]:
    """Seconds of each stage, from the log of the command."""
    found = (_STAGE.match(line.strip()) for line in re.split(r"[\r\n]", log.read_text(encoding="utf-8")))
    return {match[1]: float(match[2]) for match in found if match}


def _first_pose(place: Path, drive: Sequence) -> None:
    """Open the keyframe map and localize frames of a drive, without a network, until there is a pose."""
    for frame in replay(keyframe_localizer(_keyframes(place), drive), drive):
        if frame.estimate is not None and frame.estimate.health.published:
            return
    raise DatasetError(f"{drive.name}: no frame was localized in {place}")


def _bags(run: MappingRun) -> Path:
    return run.config.work / "bags" / ("quick" if run.config.quick else "whole")
