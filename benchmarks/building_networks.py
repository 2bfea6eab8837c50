"""Both networks against the size of a building: ``python benchmarks/building_networks.py --help``.

vlocnet is trained for the same number of steps on two tours of each floor, and regresses the global pose of the single
frames of another tour. dmn localizes the same tour, with a shipped network and a context map of the two tours. Both are
compared with retrieval: the pose of the most similar frame of the two tours.
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

import building_floors
import dmn_ros.commands.build_map as dmn_map
import dmn_ros.commands.evaluate as dmn_evaluation
from benchmark_file import BenchmarkFile, Cell, Column, Table
from dmn_ros.map.map_building import MapOptions
from localization_common.datasets.opening import open_sequence
from localization_sim.commands.record import ApartmentRecording, record
from mapping_rows import KeptRows
from vlocnet_ros.commands.evaluate import evaluate

Numbers = dict[str, Any]

DMN = Path(__file__).resolve().parents[1] / "models" / "dmn_home.safetensors"
#: Rows: the apartment, and office floors up to this area, square metres.
_LARGEST = 1200.0
FLOORS = {floor.name: floor for floor in building_floors.FLOORS if floor.area <= _LARGEST}
_TOURS = ("train_00", "train_01")
#: Largest number of views of a context map.
_VIEWS = 5000


@dataclass(frozen=True)
class BuildingNetworksConfig:
    """Measure both networks on floors of several sizes.

    Attributes:
        floors: names of the floors; by default all.
        steps: steps of each training of vlocnet.
        starts: number of robots of dmn that start anywhere.
        images: number of single images from which dmn localizes.
        work: directory for recordings, networks and finished rows.
        threads: number of threads of torch.
        json: file for the numbers.
    """

    floors: tuple[str, ...] = tuple(FLOORS)
    steps: int = 1000
    starts: int = 30
    images: int = 100
    work: Path = Path("build/building_networks")
    threads: int = 1
    json: Path | None = None


def recorded(config: BuildingNetworksConfig, name: str) -> Path:
    """Record the tours of a floor, those that are missing; return their folder."""
    floor = FLOORS[name]
    folder = config.work / floor.file
    tours = ApartmentRecording(output=folder, office=floor.area, train=len(_TOURS), val=False, rate=2.5)
    record(replace(tours, width=160, height=120, depth=False, labels=False))
    return folder


def vlocnet(config: BuildingNetworksConfig, name: str) -> Numbers:
    """Train on a floor and score the regression; beside it, retrieval."""
    folder = recorded(config, name)
    network = folder / "vlocnet.safetensors"
    if not network.is_file():
        command = [sys.executable, "-m", "vlocnet_ros.commands.train", "--system", "posenet", "--train"]
        command += [*(str(folder / tour) for tour in _TOURS), "--output", str(network)]
        command += ["--optimizer.minutes", "None", "--optimizer.steps", str(config.steps), "--batch", "32"]
        command += ["--optimizer.learning-rate", "1.5e-3", "--no-progress-bar", "--accelerator", "cpu"]
        command += ["--augmentation.planar", "--augmentation.shift", "0", "--augmentation.light", "0.15"]
        command += ["--threads", str(config.threads), "--runs", str(config.work / "runs")]
        subprocess.run(command, check=True)
    train = [open_sequence(folder / tour) for tour in _TOURS]
    found = evaluate(network, [open_sequence(folder / "test")], train=train).numbers
    return {
        "frames": sum(len(tour) for tour in train),
        "regressed": found["regressed"],
        "similar": found["baselines"]["thumbnail_nearest_neighbour"],
        "nearest": found["baselines"]["nearest_training_pose"],
    }


def dmn(config: BuildingNetworksConfig, name: str) -> Numbers:
    """Build the context map of a floor and localize in it."""
    folder = recorded(config, name)
    context_map = folder / "context_map.safetensors"
    drives = [folder / tour for tour in _TOURS]
    options = MapOptions(max_views=_VIEWS)
    dmn_map.build(dmn_map.BuildMapCommand(drives, checkpoint=DMN, output=context_map, options=options))
    command = dmn_evaluation.EvaluateCommand(folder / "test", checkpoint=DMN, map=context_map, threads=config.threads)
    return dmn_evaluation.evaluate(replace(command, starts=config.starts, one_step=config.images))


def tables(rows: dict[str, dict[str, Numbers]]) -> list[Table]:
    """Make the tables of vlocnet and of dmn, with a row for each floor."""
    regression = (
        Column("floor"),
        Column("training frames", "{:,}"),
        Column("regressed, median", "{:.2f} m"),
        Column("regressed, rotation", "{:.1f} deg"),
        Column("regressed, 90 %", "{:.1f} m"),
        Column("most similar frame, median", "{:.2f} m"),
        Column("most similar frame, 90 %", "{:.1f} m"),
        Column("nearest frame, median", "{:.2f} m"),
    )
    localization = (
        Column("floor"),
        Column("views", "{:,}"),
        Column("one image, within 0.5 m", "{:.0%}"),
        Column("ten images, within 0.5 m", "{:.0%}"),
        Column("ten images, median", "{:.2f} m"),
        Column("tracking, root mean square", "{:.2f} m"),
    )
    regressed: list[list[Cell]] = []
    localized: list[list[Cell]] = []
    for name, row in rows.items():
        r, d = row["vlocnet"], row["dmn"]
        own, similar = r["regressed"], r["similar"]
        regressed.append([name, r["frames"], *(own[key] for key in ("median_m", "median_deg", "p90_m"))])
        regressed[-1] += [similar["median_m"], similar["p90_m"], r["nearest"]["median_m"]]
        one, ten = d["one_step_global"], d["sequential_global_weighed_frames"]
        shares = [one["success_most_likely"], ten["success_most_likely"], ten["median_m"]]
        localized.append([name, d["views_in_map"], *shares, d["tracking"]["mean_squared_m2"] ** 0.5])
    return [
        Table("vlocnet: global pose of single frames", regression, regressed),
        Table("dmn: robots that may be anywhere, and tracking", localization, localized),
    ]


def main() -> None:
    """Train and score on all floors, print the tables, write the file."""
    config = tyro.cli(BuildingNetworksConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    rows: dict[str, dict[str, Numbers]] = {}
    for name in config.floors:
        kept = KeptRows(config.work / "rows", f"{config.steps} steps, {config.starts} starts, {config.images} images")
        parts = {"vlocnet": partial(vlocnet, config, name), "dmn": partial(dmn, config, name)}
        rows[name] = {part: kept.row(f"{part}, {name}", measure) or {} for part, measure in parts.items()}
    file = BenchmarkFile.of(
        __file__,
        title="Networks against the size of a building",
        tables=tables(rows),
        notes={},
        runs=rows,
        about={"threads": str(config.threads), "steps of each training": str(config.steps)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
