"""Frame rate with refined poses: ``python benchmarks/refinement_pace.py --help``.

Measured in turns on the same frames: the network alone, refinement after the network of each frame, and refinement
during the network of the next frame, as in the node. refinement.py measures the errors of the poses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table
from localization_common.datasets.sequence import Sequence
from localization_common.refinement.refiner import Refiner
from localization_sim.drive import in_memory
from refinement_scenes import RefinedScene, RefinementData, apartment, keyframe_map, missing, redkitchen
from refinement_tables import APARTMENT, REDKITCHEN
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.runtime.replay import estimates

#: Names of the measurements, in this order.
ALONE, AFTER, BESIDE = "network alone", "refined after the network", "refined during the next frame"


@dataclass(frozen=True)
class RefinementPaceConfig(RefinementData):
    """Measure the frame rate.

    Attributes:
        frames: number of frames of each drive.
        rounds: number of rounds, of which the best counts.
        threads: number of torch threads; the refinement has its own thread.
        json: file for the numbers.
    """

    frames: int = 100
    rounds: int = 5
    threads: int = 1
    json: Path | None = None


def alone(localizer: FrameLocalizer, sequence: Sequence) -> int:
    """Process one frame after the other; return the number of refined poses."""
    return sum(estimate.refined for estimate in estimates(localizer, sequence))


def beside(localizer: RefiningLocalizer, sequence: Sequence) -> int:
    """Process frames as the worker of a node, at most one frame behind; return the number of refined poses."""
    finishing: list[Future[Estimate]] = []
    with ThreadPoolExecutor(max_workers=1) as second:
        for i in range(len(sequence)):
            pending = localizer.begin(sequence.read_image(i), int(sequence.stamps[i]))
            if finishing:
                finishing[-1].result()
            finishing.append(second.submit(pending.finish))
    return sum(future.result().refined for future in finishing)


def paces(config: RefinementPaceConfig, place: RefinedScene) -> dict[str, float]:
    """Measure milliseconds from frame to frame, the best of the rounds."""
    assert place.checkpoint is not None
    plain = Localizer.from_checkpoint(place.checkpoint, threads=config.threads)
    known, _ = keyframe_map(place, config.work)
    refining = RefiningLocalizer(Localizer.from_checkpoint(place.checkpoint, threads=config.threads), Refiner(known))
    sequence = in_memory(place.test.select(np.arange(min(config.frames, len(place.test)))))
    ways: dict[str, Callable[[], int]] = {
        ALONE: lambda: alone(plain, sequence),
        AFTER: lambda: alone(refining, sequence),
        BESIDE: lambda: beside(refining, sequence),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(config.rounds):
        refined = []
        for name, way in ways.items():
            plain.set_camera(sequence.camera)
            refining.set_camera(sequence.camera)
            started = time.perf_counter()
            refined.append(way())
            took[name].append(1e3 * (time.perf_counter() - started) / len(sequence))
        assert refined[1] == refined[2] > 0.8 * len(sequence), refined
    return {name: min(values) for name, values in took.items()}


def notes(places: dict[str, dict[str, float]]) -> dict[str, str]:
    """Share of the refinement's time that overlaps with the network."""
    noted = {}
    for name, values in places.items():
        whole, left = values[AFTER] - values[ALONE], values[BESIDE] - values[ALONE]
        noted[f"{name}, time of the refinement that overlaps with the network"] = (
            f"{100.0 * (1.0 - left / whole):.0f} % of {whole:.1f} ms"
        )
    return noted


def measured(config: RefinementPaceConfig) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Measure all places whose data exists; return their results and the missing data."""
    candidates: tuple[tuple[str, Path, Path, Callable[[Path, Path], RefinedScene]], ...] = (
        (REDKITCHEN, config.redkitchen, config.redkitchen_checkpoint, redkitchen),
        (APARTMENT, config.apartment, config.apartment_checkpoint, partial(apartment, APARTMENT)),
    )
    places, left_out = {}, {}
    for name, folder, checkpoint, place in candidates:
        absent = missing((folder, checkpoint))
        if absent:
            left_out[f"{name} is left out"] = f"{absent} is not there"
        else:
            places[name] = paces(config, place(folder, checkpoint))
    return places, left_out


@torch.inference_mode()
def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(RefinementPaceConfig, description=__doc__)
    places, left_out = measured(config)
    columns = (Column("place"), *(Column(name, "{:.1f} ms") for name in (ALONE, AFTER, BESIDE)))
    rows: list[list[Cell]] = [[name, *values.values()] for name, values in places.items()]
    file = BenchmarkFile.of(
        __file__,
        title="Frame rate with refined poses",
        tables=[Table("Time from frame to frame", columns, rows)],
        notes={**notes(places), **left_out},
        runs=places,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
