"""The places where the refinement is measured, and their keyframe maps."""

from __future__ import annotations

import sys
from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path

import kept_runs
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap

REPOSITORY = Path(__file__).resolve().parents[1]
#: Frames of RedKitchen that neither the network nor the map has seen.
HELD_OUT = "200-239,450-489,700-739"
#: RedKitchen's poses come from a depth camera's tracker, and its focal length from a data sheet.
REDKITCHEN_MAP = ("--keyframes.calibrate", "--keyframes.metres", "0.02", "--keyframes.degrees", "2")
APARTMENT_MAP: tuple[str, ...] = ()
#: Keyframes of the baseline in RedKitchen; elsewhere as many as the map has.
REDKITCHEN_BASELINE = 150


@dataclass(frozen=True)
class Data:
    """What a measurement of the refinement is made on.

    Attributes:
        redkitchen: sequence seq-01 of 7-Scenes' RedKitchen.
        redkitchen_checkpoint: vlocnet trained on it without the held-out frames.
        apartment: recorded apartment: train_*, test (made by `apartment_record --output build/apartment`).
        apartment_checkpoint: vlocnet that knows it.
        work: directory for the maps; delete it when their building has changed.
    """

    redkitchen: Path = Path("../shared/data/7scenes/redkitchen/seq-01")
    redkitchen_checkpoint: Path = Path("build/vlocnet_redkitchen.safetensors")
    apartment: Path = Path("build/apartment")
    apartment_checkpoint: Path = REPOSITORY / "models/vlocnet_apartment_light.safetensors"
    work: Path = Path("build/refinement")


@dataclass(frozen=True)
class Place:
    """Where a map is made and a drive is scored.

    Attributes:
        name: in tables.
        mapped: recordings that the map is made of.
        excluded: frame numbers that are left out of them.
        options: of the building.
        test: the drive that is scored.
        checkpoint: vlocnet that knows the place, or None.
        baseline: keyframes of the baseline; 0 for as many as the map has.
    """

    name: str
    mapped: tuple[Path, ...]
    excluded: str
    options: tuple[str, ...]
    test: Sequence
    checkpoint: Path | None
    baseline: int = 0

    def training(self) -> list[Sequence]:
        """What the map is made of."""
        return [open_sequence(path).chosen(exclude=self.excluded).with_poses() for path in self.mapped]


def redkitchen(sequence: Path, checkpoint: Path) -> Place:
    """7-Scenes' RedKitchen."""
    test = open_sequence(sequence).chosen(HELD_OUT).with_poses()
    return Place("RedKitchen", (sequence,), HELD_OUT, REDKITCHEN_MAP, test, checkpoint, REDKITCHEN_BASELINE)


def apartment(
    name: str, folder: Path, checkpoint: Path | None, *, options: tuple[str, ...] = (), test: Path | None = None
) -> Place:
    """A recorded apartment, train_* and test; or another test drive in it."""
    drives = tuple(sorted(folder.glob("train_*")))
    sequence = open_sequence(test or folder / "test").with_poses()
    return Place(name, drives, "", (*APARTMENT_MAP, *options), sequence, checkpoint)


def missing(paths: Many[Path]) -> str:
    """Which of the paths are not there; empty if all are."""
    return ", ".join(str(path) for path in paths if not path.exists())


def keyframe_map(place: Place, work: Path) -> tuple[KeyframeMap, float]:
    """The map, built by the command unless it was before, and its size in MB."""
    work.mkdir(parents=True, exist_ok=True)
    file = work.resolve() / f"{place.name.replace(', ', '_').replace(' ', '_')}.safetensors"
    sequences = [str(path.resolve()) for path in place.mapped]
    command = [sys.executable, "-m", "vlocnet_ros.commands.build_keyframes", "--sequences", *sequences]
    command += ["--output", str(file), *(("--exclude", place.excluded) if place.excluded else ()), *place.options]
    told = kept_runs.told(command, REPOSITORY)
    if not file.is_file() or kept_runs.kept(file.with_suffix(".json"), told) is None:
        print(f"{place.name}: building the map", flush=True)
        kept_runs.run(command, file.with_suffix(".log"), REPOSITORY)
        kept_runs.keep(file.with_suffix(".json"), told, {"megabytes": file.stat().st_size / 1e6})
    return KeyframeMap.load(file), file.stat().st_size / 1e6
