"""Cost and accuracy of localization against the size of a building: ``python benchmarks/building.py --help``.

Office floors of 60 to 5,000 m2 and the apartment of the demo, drawn by the simulator, with rooms that look alike. The
keyframe localizer starts lost at random frames of a drive that is not in the map, with wheel odometry and no network.
The floors take turns, start by start, so that other load of the computer affects all of them.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
import tyro

from benchmark_file import BenchmarkFile
from building_floors import FLOORS, Floor, HeldOut, held_out
from building_maps import map_of
from building_picture import draw
from building_starts import StartedFrame, localizer_of, rows, run_start, scores
from building_tables import WITHIN, notes, tables
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.refiner import Refiner
from process_memory import peak_mb

Numbers = dict[str, Any]

BENCHMARKS = Path(__file__).resolve().parent
#: Number of starts for the measurement of memory.
_MEMORY_STARTS = 6


@dataclass(frozen=True)
class BuildingConfig:
    """Measure buildings.

    Attributes:
        floors: names of the floors; by default all.
        starts: number of starts on each floor.
        seconds: seconds of driving after a start, at most 6.
        work: directory for frames and maps; delete it when the simulator or the building of maps has changed.
        threads: number of threads of torch and OpenCV.
        memory_of: print the memory of a process that localizes on this floor, MB, and end.
        picture: file for the plot.
        json: file for the numbers.
    """

    floors: tuple[str, ...] = tuple(floor.name for floor in FLOORS)
    starts: int = 100
    seconds: float = 4.0
    work: Path = Path("build/building")
    threads: int = 1
    memory_of: str = ""
    picture: Path | None = None
    json: Path | None = None


def frames_of(config: BuildingConfig, floor: Floor) -> HeldOut:
    """Return the frames of a floor."""
    return held_out(floor, config.work, starts=config.starts, seconds=config.seconds)


def run_floors(config: BuildingConfig, floors: list[Floor]) -> dict[str, list[StartedFrame]]:
    """Run all starts; after each, the next floor has its turn."""
    frames = {floor.name: frames_of(config, floor) for floor in floors}
    maps = {floor.name: KeyframeMap.load(map_of(floor, config.work).path) for floor in floors}
    localizers = {name: localizer_of(Refiner(maps[name]), frames[name]) for name in frames}
    found: dict[str, list[StartedFrame]] = {name: [] for name in frames}
    for number in range(config.starts):
        for name, localizer in localizers.items():
            found[name] += run_start(localizer, frames[name], number)
        if number % 10 == 9:
            print(f"{number + 1} of {config.starts} starts", flush=True)
    return found


def memory_mb(config: BuildingConfig, floor: Floor) -> float:
    """Measure the peak memory of this process after some starts on a floor."""
    frames = frames_of(config, floor)
    localizer = localizer_of(Refiner(KeyframeMap.load(map_of(floor, config.work).path)), frames)
    for number in range(min(_MEMORY_STARTS, config.starts)):
        run_start(localizer, frames, number)
    return peak_mb()


def _memory_elsewhere(config: BuildingConfig, floor: Floor) -> float:
    """Run `memory_mb` in another process."""
    command = [sys.executable, str(BENCHMARKS / "building.py"), "--memory-of", floor.name, "--starts"]
    command += [str(config.starts), "--seconds", str(config.seconds), "--work", str(config.work.resolve())]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCHMARKS.parent)
    return float(done.stdout.split()[-1])


def measure(config: BuildingConfig, floors: list[Floor]) -> tuple[dict[str, Numbers], Numbers]:
    """Measure the floors; return their scores, and all frames."""
    found = run_floors(config, floors)
    measured = {}
    for floor in floors:
        own = {"area": floor.area or 63.0, "memory_mb": _memory_elsewhere(config, floor)}
        measured[floor.name] = map_of(floor, config.work).about | own | scores(found[floor.name], within=WITHIN)
    return measured, {name: rows(frames) for name, frames in found.items()}


@torch.inference_mode()
def main() -> None:
    """Measure, print the tables, write the file and the plot."""
    config = tyro.cli(BuildingConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    floors = [floor for floor in FLOORS if floor.name in config.floors]
    if config.memory_of:
        print(memory_mb(config, next(floor for floor in FLOORS if floor.name == config.memory_of)))
        return
    measured, runs = measure(config, floors)
    file = BenchmarkFile.of(
        __file__,
        title="Localization against the size of a building",
        tables=tables(measured),
        notes=notes(measured),
        runs=runs,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json, {"floors": measured})
    if config.picture is not None:
        draw(measured, config.picture)


if __name__ == "__main__":
    main()
