"""Run of the benchmark of the mapping: its drives, its kept rows, its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from localization_common.datasets.sequence import Sequence
from localization_sim.commands.record import ApartmentRecording, record
from mapping_config import MappingBenchmarkConfig, Part
from mapping_drives import opened, with_odometry_errors
from mapping_rows import KeptRows, Numbers

#: Drives of a quick run.
_QUICK: dict[str, Any] = {"max_duration": 12.0, "width": 160, "height": 120}
SECTIONS = ("maps", "localization", "occupancy", "time", "starts", "left_out")


class MappingRun:
    """Drives and numbers that all parts share.

    Attributes:
        config: options.
        numbers: numbers by section.
    """

    def __init__(self, config: MappingBenchmarkConfig) -> None:
        self.config = config
        self.numbers: Numbers = {name: {} for name in SECTIONS}
        self._rows = KeptRows(config.work / "rows", f"{config.mapping}, quick {config.quick}")

    def record(self) -> None:
        """Record the drives that are missing."""
        c = self.config
        drives = ApartmentRecording(output=self.apartment, seed=c.seed, val=False, labels=False)
        if c.quick:
            record(replace(drives, train=1, **_QUICK))
        else:
            record(replace(drives, train=3))
            record(replace(drives, output=c.rearranged, rearranged=0.25, train=1))

    @property
    def apartment(self) -> Path:
        """Folder of the drives."""
        return self.config.work / "quick" if self.config.quick else self.config.apartment

    def drive(self, name: str, factor: float = 1.0) -> Sequence:
        """Open a drive with its true poses; its odometry is this many times as bad as recorded."""
        path = self.apartment / name
        sequence = opened(path)
        return sequence if factor == 1.0 else with_odometry_errors(sequence, path, self.config.seed, factor)

    def row(self, part: Part, name: str, measure: Callable[[], Numbers]) -> Numbers | None:
        """Return the numbers of a row: kept ones, else measured ones if the part is chosen, else None."""
        return self._rows.row(name, measure if part in self.config.parts else None)
