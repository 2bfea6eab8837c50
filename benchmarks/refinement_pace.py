"""How fast frames can follow each other when poses are refined: ``python benchmarks/refinement_pace.py --help``.

The network alone, refinement after each frame's network, and refinement beside the next frame's network, as the node
does it; in turn on the same frames, as fast as they go. How good the poses are is what refinement.py measures.
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
from localization_sim.drive import in_memory
from refinement_scenes import Data, Place, apartment, keyframe_map, missing, redkitchen
from refinement_tables import APARTMENT, REDKITCHEN
from vlocnet_ros.refinement.refiner import Refiner
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.runtime.replay import estimates

#: What is measured, in this order.
ALONE, AFTER, BESIDE = "network alone", "refined after the network", "refined during the next frame"


@dataclass(frozen=True)
class Config(Data):
    """Measure the pace.

    Attributes:
        frames: of each drive.
        rounds: the best of which counts.
        threads: of torch, as of the node; the refinement has one of its own.
        json: file for the numbers.
    """

    frames: int = 100
    rounds: int = 5
    threads: int = 1
    json: Path | None = None


def alone(localizer: FrameLocalizer, sequence: Sequence) -> int:
    """One frame after the other; answers how many had a pose refined."""
    return sum(estimate.refined for estimate in estimates(localizer, sequence))


def beside(localizer: RefiningLocalizer, sequence: Sequence) -> int:
    """As a node's worker does it: one frame behind at most."""
    finishing: list[Future[Estimate]] = []
    with ThreadPoolExecutor(max_workers=1) as second:
        for i in range(len(sequence)):
            pending = localizer.begin(sequence.read_image(i), int(sequence.stamps[i]))
            if finishing:
                finishing[-1].result()
            finishing.append(second.submit(pending.finish))
    return sum(future.result().refined for future in finishing)


def paces(config: Config, place: Place) -> dict[str, float]:
    """Milliseconds from frame to frame, the best of the rounds."""
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
    """How much of the refinement's time is hidden."""
    told = {}
    for name, values in places.items():
        whole, left = values[AFTER] - values[ALONE], values[BESIDE] - values[ALONE]
        told[f"{name}, time of the refinement that overlaps with the network"] = (
            f"{100.0 * (1.0 - left / whole):.0f} % of {whole:.1f} ms"
        )
    return told


def measured(config: Config) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Paces by place, and what was left out for want of its data."""
    known: tuple[tuple[str, Path, Path, Callable[[Path, Path], Place]], ...] = (
        (REDKITCHEN, config.redkitchen, config.redkitchen_checkpoint, redkitchen),
        (APARTMENT, config.apartment, config.apartment_checkpoint, partial(apartment, APARTMENT)),
    )
    places, left_out = {}, {}
    for name, folder, checkpoint, place in known:
        absent = missing((folder, checkpoint))
        if absent:
            left_out[f"{name} is left out"] = f"{absent} is not there"
        else:
            places[name] = paces(config, place(folder, checkpoint))
    return places, left_out


@torch.inference_mode()
def main() -> None:
    """Run, print, write."""
    config = tyro.cli(Config, description=__doc__)
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
