"""Network of a new place by the default training: ``python benchmarks/place_training.py --help``.

Each place is trained with `vlocnet_train_schedule` on one core and without options but those of the data, then measured
on frames that took no part. There is no keyframe map.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_sim.commands.record import ApartmentRecording, record
from mapping_rows import KeptRows
from vlocnet_ros.commands.evaluate import evaluate

Numbers = dict[str, Any]

#: Apartment that no other training had, and frames of RedKitchen that all results hold out.
_SEED = 230
_HELD_OUT = "200-239,450-489,700-739"


@dataclass(frozen=True)
class PlaceTrainingConfig:
    """Train networks of new places and measure them.

    Attributes:
        data: directory of the real recordings (7scenes/redkitchen); left out if it is absent.
        minutes: length of each training; 0 for that of the aims.
        work: directory for drives, networks and numbers; delete it when the code has changed. Networks are kept.
        threads: number of threads of torch.
        json: file for the numbers.
    """

    data: Path = Path("../shared/data")
    minutes: float = 0.0
    work: Path = Path("build/place_training")
    threads: int = 1
    json: Path | None = None


@dataclass(frozen=True)
class NewPlace:
    """Place to train.

    Attributes:
        name: name of the row.
        minutes: length of the training.
        options: options of `vlocnet_train_schedule`.
        test: returns the frames to localize.
        aims: largest median errors, metres and degrees.
    """

    name: str
    minutes: float
    options: tuple[str, ...]
    test: Callable[[], Sequence]
    aims: tuple[float, float]


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(PlaceTrainingConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    places = _places(config)
    rows = KeptRows(config.work / "rows", f"{config.minutes}")
    numbers = {place.name: rows.row(place.name, partial(_row, config, place)) or {} for place in places}
    file = BenchmarkFile.of(
        __file__,
        title="Networks of new places",
        tables=[_table(numbers)],
        notes={name: text for place in places for name, text in _aims(place, numbers[place.name])},
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


def _places(config: PlaceTrainingConfig) -> list[NewPlace]:
    drives = config.work / "drives"
    record(ApartmentRecording(output=drives, seed=_SEED, train=3, val=False, labels=False))
    apartment = tuple(str(drives / f"train_{i:02d}") for i in range(3))
    options = ("--train", *apartment, "--augmentation.planar")
    found = [
        NewPlace("new apartment, three drives", 20.0, options, lambda: open_sequence(drives / "test"), (0.05, 1.0))
    ]
    kitchen = config.data / "7scenes/redkitchen/seq-01"
    if kitchen.is_dir():
        options = ("--train", str(kitchen), "--exclude", _HELD_OUT)
        test = partial(_kitchen_test, kitchen)
        found.append(NewPlace("RedKitchen, 600 frames", 40.0, options, test, (0.03, 1.0)))
    return found


def _kitchen_test(path: Path) -> Sequence:
    return open_sequence(path).chosen(_HELD_OUT)


def _row(config: PlaceTrainingConfig, place: NewPlace) -> Numbers:
    """Train the network of a place, unless it is kept, and score it frame by frame."""
    folder = "".join(c if c.isalnum() else "_" for c in place.name)
    network = config.work / folder / "vlocnet.safetensors"
    minutes = config.minutes or place.minutes
    if not network.is_file():
        command = ["vlocnet_ros.commands.train_schedule", *place.options, "--output", str(network)]
        limits = ["--minutes", f"{minutes:g}", "--threads", str(config.threads), "--no-progress-bar"]
        runs = ["--runs", str(network.parent / "runs"), "--accelerator", "cpu"]
        subprocess.run([sys.executable, "-m", *command, *limits, *runs], check=True)
    numbers = evaluate(network, [place.test().with_poses()], max_frame_gap=1).numbers
    return {
        "minutes": minutes,
        **{key: numbers[key] for key in ("frames", "pose", "regressed", "odometry") if key in numbers},
    }


_COLUMNS = (
    Column("place"),
    Column("training", "{:.0f} min"),
    Column("position, median", "{:.1f} cm"),
    Column("rotation, median", "{:.2f} deg"),
    Column("within 5 cm, 5 deg", "{:.0f} %"),
    Column("within 25 cm, 5 deg", "{:.0f} %"),
    Column("single frames, position", "{:.1f} cm"),
    Column("single frames, rotation", "{:.2f} deg"),
    Column("odometry", "{:.1f} %"),
)


def _table(numbers: dict[str, Numbers]) -> Table:
    rows: list[list[Cell]] = []
    for name, row in numbers.items():
        pose, single, odometry = row["pose"], row["regressed"], row.get("odometry")
        within = [100.0 * pose[key] for key in ("within_5cm_5deg", "within_25cm_5deg")]
        frames = [100.0 * single["median_m"], single["median_deg"]]
        drift = None if odometry is None else odometry["rpe_percent"]
        rows.append([name, row["minutes"], 100.0 * pose["median_m"], pose["median_deg"], *within, *frames, drift])
    return Table("Network alone, on frames that took no part", _COLUMNS, rows)


def _aims(place: NewPlace, row: Numbers) -> list[tuple[str, str]]:
    (metres, degrees), pose = place.aims, row["pose"]
    position, rotation = 100.0 * pose["median_m"], pose["median_deg"]
    return [
        (
            f"{place.name}, position, median: at most {100.0 * metres:g} cm",
            f"{position:.1f} cm: {judged(pose['median_m'] <= metres)}",
        ),
        (
            f"{place.name}, rotation, median: at most {degrees:g} deg",
            f"{rotation:.2f} deg: {judged(rotation <= degrees)}",
        ),
    ]


if __name__ == "__main__":
    main()
