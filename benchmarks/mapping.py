"""Maps that are made without true poses, measured against true poses: ``python benchmarks/mapping.py --help``.

The mapping gets images and wheel odometry of simulated drives (without true poses, depth and labels), or images alone
of real ones. Maps are aligned with the truth by the best rigid transform of their keyframes; maps without a scale, by
the best similarity. Other drives are localized in the maps and moved by the *same* transform: the true poses of a drive
that is localized are used for its scores alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import torch
import tyro

from benchmark_file import BenchmarkFile
from localization_common.datasets.sequence import Sequence
from localization_mapping.mapping import map_drives
from localization_sim.commands.record import ApartmentRecording, record
from mapping_config import MappingBenchmarkConfig, Part
from mapping_drives import hidden, opened, with_odometry_errors, without_odometry
from mapping_grids import grid_scores
from mapping_rows import KeptRows, Numbers
from mapping_scoring import score_map, wheels_alone
from mapping_tables import RECORDED, REDKITCHEN, RPY, TOGETHER, WHEELS, notes, tables
from refinement_scenes import HELD_OUT, missing

#: Drives of a quick run.
_QUICK: dict[str, Any] = {"max_duration": 12.0, "width": 160, "height": 120}
_SECTIONS = ("maps", "localization", "occupancy", "time", "starts", "left_out")


class MappingBenchmark:
    """Runs the parts and collects their numbers."""

    def __init__(self, config: MappingBenchmarkConfig) -> None:
        self.config = config
        self._rows = KeptRows(config.work / "rows", f"{config.mapping}, quick {config.quick}")
        self.numbers: Numbers = {name: {} for name in _SECTIONS}

    def run(self) -> Numbers:
        """Measure the chosen parts and return the numbers of all parts that were ever measured."""
        self._record()
        names = ("train_00",) if self.config.quick else ("train_00", "train_01")
        for name in names:
            for wheels, factor in WHEELS.items():
                if self.config.quick and wheels != RECORDED:
                    continue
                self._map("drives", name, wheels, lambda n=name, f=factor: [self._drive(n, f)])
        if self.config.quick:
            return self.numbers
        together = TOGETHER.split(", ")
        self._map("together", TOGETHER, RECORDED, lambda: [self._drive(name) for name in together])
        for place, path in ((REDKITCHEN, self.config.redkitchen), (RPY, self.config.rpy)):
            if lacking := missing([path]):
                self.numbers["left_out"][place] = lacking
            else:
                exclude = HELD_OUT if place == REDKITCHEN else ""
                self._map("without odometry", place, "none", lambda p=path, e=exclude: [_by_hand(p, e)])
        return self.numbers

    def _record(self) -> None:
        """Record the drives that are missing."""
        c = self.config
        drives = ApartmentRecording(output=self._apartment, seed=c.seed, val=False, labels=False)
        if c.quick:
            record(replace(drives, train=1, test=False, **_QUICK))
        else:
            record(replace(drives, train=3))
            record(replace(drives, output=c.rearranged, rearranged=0.25, train=1))

    @property
    def _apartment(self) -> Path:
        return self.config.work / "quick" if self.config.quick else self.config.apartment

    def _drive(self, name: str, factor: float = 1.0) -> Sequence:
        path = self._apartment / name
        sequence = opened(path)
        return sequence if factor == 1.0 else with_odometry_errors(sequence, path, self.config.seed, factor)

    def _map(self, part: Part, drives: str, wheels: str, truth: Callable[[], list[Sequence]]) -> None:
        """Measure the map of some drives; the mapping does not get their true poses."""

        def measure() -> Numbers:
            true = truth()
            began = time.monotonic()
            place = map_drives([hidden(one) for one in true], self.config.mapping)
            seconds = time.monotonic() - began
            score = score_map(place, true, scaled=not place.scale.metric)
            alone = len(true) == 1 and true[0].odom_T_base is not None
            grids = grid_scores(place, true, score.alignment, self.config.seed) if wheels == RECORDED else {}
            return score.numbers() | {
                "metric": place.scale.metric,
                "seconds": seconds,
                "odometry": wheels_alone(true[0]) if alone else None,
                "notes": list(place.notes),
                "grids": grids,
            }

        row = self._rows.row(f"{drives}, odometry {wheels}", measure if part in self.config.parts else None)
        if row is not None:
            self.numbers["maps"].setdefault(drives, {})[wheels] = row
            for name, grid in row["grids"].items():
                self.numbers["occupancy"][f"{drives}, {name}"] = grid


def _by_hand(path: Path, exclude: str) -> Sequence:
    """Open a drive of a camera that was carried by hand, without some frames."""
    return without_odometry(opened(path).chosen(exclude=exclude))


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(MappingBenchmarkConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    numbers = MappingBenchmark(config).run()
    file = BenchmarkFile.of(
        __file__,
        title="Maps without true poses",
        tables=tables(numbers),
        notes=notes(numbers),
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
