"""Regression of the global pose against the size of a building: ``python benchmarks/building_regression.py --help``.

The network is trained for the same number of steps on tours of each floor, and scored on another tour, frame by frame.
It is compared with retrieval: the pose of the most similar training frame.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table
from localization_common.datasets.opening import open_sequence
from localization_sim.commands.record import ApartmentRecording, record
from mapping_rows import KeptRows
from vlocnet_ros.commands.evaluate import evaluate

Numbers = dict[str, Any]

#: Rows: areas of office floors, square metres; 0 is the apartment.
FLOORS = {"apartment": 0.0, "office, 60 m2": 60.0, "office, 300 m2": 300.0, "office, 1200 m2": 1200.0}
_TOURS = ("train_00", "train_01")


@dataclass(frozen=True)
class BuildingRegressionConfig:
    """Train and score the regression of the global pose on floors of several sizes.

    Attributes:
        floors: names of the floors; by default all.
        steps: steps of each training.
        work: directory for recordings, networks and finished rows.
        threads: number of threads of torch.
        json: file for the numbers.
    """

    floors: tuple[str, ...] = tuple(FLOORS)
    steps: int = 1000
    work: Path = Path("build/building_regression")
    threads: int = 1
    json: Path | None = None


def row(config: BuildingRegressionConfig, name: str) -> Numbers:
    """Record a floor, train on it and score the network."""
    folder = config.work / name.replace(" ", "_").replace(",", "")
    tours = ApartmentRecording(output=folder, office=FLOORS[name], train=len(_TOURS), val=False, rate=2.5)
    record(replace(tours, width=160, height=120, depth=False, labels=False))
    network = folder / "vlocnet.safetensors"
    if not network.is_file():
        command = [sys.executable, "-m", "vlocnet_ros.commands.train", "--system", "posenet", "--train"]
        command += [*(str(folder / tour) for tour in _TOURS), "--output", str(network)]
        command += [
            "--optimizer.minutes",
            "None",
            "--optimizer.steps",
            str(config.steps),
            "--threads",
            str(config.threads),
            "--batch",
            "32",
        ]
        command += ["--optimizer.learning-rate", "1.5e-3", "--no-progress-bar", "--accelerator", "cpu"]
        command += ["--augmentation.planar", "--augmentation.shift", "0", "--augmentation.light", "0.15"]
        subprocess.run([*command, "--runs", str(config.work / "runs")], check=True)
    train = [open_sequence(folder / tour) for tour in _TOURS]
    found = evaluate(network, [open_sequence(folder / "test")], train=train).numbers
    return {
        "frames": sum(len(tour) for tour in train),
        "regressed": found["regressed"],
        "similar": found["baselines"]["thumbnail_nearest_neighbour"],
        "nearest": found["baselines"]["nearest_training_pose"],
    }


def table(rows: dict[str, Numbers]) -> Table:
    """Make the table, with a row for each floor."""
    columns = (
        Column("floor"),
        Column("training frames", "{:,}"),
        Column("regressed, median", "{:.2f} m"),
        Column("regressed, rotation", "{:.1f} deg"),
        Column("regressed, 90 %", "{:.1f} m"),
        Column("most similar frame, median", "{:.2f} m"),
        Column("most similar frame, 90 %", "{:.1f} m"),
        Column("nearest frame, median", "{:.2f} m"),
    )
    cells: list[list[Cell]] = []
    for name, r in rows.items():
        regressed, similar = r["regressed"], r["similar"]
        own = [regressed[key] for key in ("median_m", "median_deg", "p90_m")]
        cells.append([name, r["frames"], *own, similar["median_m"], similar["p90_m"], r["nearest"]["median_m"]])
    return Table("Global pose of single frames", columns, cells)


def main() -> None:
    """Train and score all floors, print the table, write the file."""
    config = tyro.cli(BuildingRegressionConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    kept = KeptRows(config.work / "rows", str(config.steps))
    rows = {name: kept.row(name, partial(row, config, name)) or {} for name in config.floors}
    file = BenchmarkFile.of(
        __file__,
        title="Regression against the size of a building",
        tables=[table(rows)],
        notes={},
        runs=rows,
        about={"threads": str(config.threads), "steps of each training": str(config.steps)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
