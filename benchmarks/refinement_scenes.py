"""Places of the benchmark of the refinement, and their keyframe maps."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import kept_runs
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.keyframes.keyframe_map import KeyframeMap

Array = npt.NDArray[np.float64]

REPOSITORY = Path(__file__).resolve().parents[1]
#: Frames of RedKitchen that are not used for the training and for the map.
HELD_OUT = "200-239,450-489,700-739"
#: Options for RedKitchen: its poses are of the tracker of a depth camera, its focal length is of a data sheet.
REDKITCHEN_MAP = ("--keyframes.calibrate", "--keyframes.metres", "0.02", "--keyframes.degrees", "2")
APARTMENT_MAP: tuple[str, ...] = ()
#: Number of keyframes of the baseline in RedKitchen; elsewhere it is that of the map.
REDKITCHEN_BASELINE = 150


@dataclass(frozen=True)
class RefinementData:
    """Data of a measurement of the refinement.

    Attributes:
        redkitchen: sequence seq-01 of 7-Scenes' RedKitchen.
        redkitchen_checkpoint: vlocnet trained on it without the held-out frames.
        apartment: recorded apartment: train_*, test (made by `apartment_record --output build/apartment`).
        apartment_checkpoint: vlocnet trained in the apartment.
        work: directory for the maps; delete it when the code that builds them has changed.
    """

    redkitchen: Path = Path("../shared/data/7scenes/redkitchen/seq-01")
    redkitchen_checkpoint: Path = Path("build/vlocnet_redkitchen.safetensors")
    apartment: Path = Path("build/apartment")
    apartment_checkpoint: Path = REPOSITORY / "models/vlocnet_apartment_light.safetensors"
    work: Path = Path("build/refinement")


@dataclass(frozen=True)
class RefinedScene:
    """Place with a map and a test drive.

    Attributes:
        name: name in tables.
        mapped: recordings for the map.
        excluded: frame numbers that are left out of them.
        options: options of `vlocnet_build_keyframes`.
        test: drive that is scored.
        checkpoint: vlocnet trained in the place, or None.
        baseline: number of keyframes of the baseline; 0: that of the map.
    """

    name: str
    mapped: tuple[Path, ...]
    excluded: str
    options: tuple[str, ...]
    test: Sequence
    checkpoint: Path | None
    baseline: int = 0

    def training(self) -> list[Sequence]:
        """Open the recordings for the map."""
        return [open_sequence(path).chosen(exclude=self.excluded).with_poses() for path in self.mapped]


def redkitchen(sequence: Path, checkpoint: Path) -> RefinedScene:
    """Open RedKitchen of 7-Scenes."""
    test = open_sequence(sequence).chosen(HELD_OUT).with_poses()
    return RefinedScene("RedKitchen", (sequence,), HELD_OUT, REDKITCHEN_MAP, test, checkpoint, REDKITCHEN_BASELINE)


def apartment(
    name: str, folder: Path, checkpoint: Path | None, *, options: tuple[str, ...] = (), test: Path | None = None
) -> RefinedScene:
    """Open a recorded apartment, train_* and test, or another test drive."""
    drives = tuple(sorted(folder.glob("train_*")))
    sequence = open_sequence(test or folder / "test").with_poses()
    return RefinedScene(name, drives, "", (*APARTMENT_MAP, *options), sequence, checkpoint)


def missing(paths: Many[Path]) -> str:
    """List the missing paths; empty if all exist."""
    return ", ".join(str(path) for path in paths if not path.exists())


def keyframe_map(place: RefinedScene, work: Path) -> tuple[KeyframeMap, float]:
    """Read the map, which is built first if it is missing; return it and its size in MB."""
    work.mkdir(parents=True, exist_ok=True)
    file = work.resolve() / f"{place.name.replace(', ', '_').replace(' ', '_')}.safetensors"
    sequences = [str(path.resolve()) for path in place.mapped]
    command = [sys.executable, "-m", "vlocnet_ros.commands.build_keyframes", "--sequences", *sequences]
    command += ["--output", str(file), *(("--exclude", place.excluded) if place.excluded else ()), *place.options]
    key = kept_runs.portable(command, REPOSITORY)
    if not file.is_file() or kept_runs.stored(file.with_suffix(".json"), key) is None:
        print(f"{place.name}: building the map", flush=True)
        kept_runs.run(command, file.with_suffix(".log"), REPOSITORY)
        kept_runs.store(file.with_suffix(".json"), key, {"megabytes": file.stat().st_size / 1e6})
    return KeyframeMap.load(file), file.stat().st_size / 1e6


def exchanged_twins(poses: Array, rooms: Mapping[str, Any]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Exchange the poses (N, 4, 4) of twin rooms; return all poses, and the mask (N,) of the exchanged ones."""
    x, y = poses[:, :2, 3].T
    moved = poses.copy()
    second_T_first = np.array(rooms["second_T_first"])
    inside = np.zeros(len(poses), dtype=np.bool_)
    for area, other_T_this in ((rooms["first"], second_T_first), (rooms["second"], se3.inverse(second_T_first))):
        here = (x >= area[0]) & (y >= area[1]) & (x <= area[2]) & (y <= area[3])
        moved[here] = other_T_this @ poses[here]
        inside |= here
    return moved, inside
