"""Command line of the benchmark of the refinement."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refinement_scenes import REPOSITORY, RefinementData


@dataclass(frozen=True)
class RefinementBenchmarkConfig(RefinementData):
    """Measure the refinement.

    Attributes:
        dmn: checkpoint of dmn.
        context_map: context map of the apartment for dmn.
        rearranged: test drive after some furniture was moved (`apartment_record --rearranged 0.25`).
        twin: recorded apartment that contains one room twice (`apartment_record --twin-room`).
        threads: number of threads of torch and OpenCV.
        quick: few frames and small maps of the apartments, to test that everything runs.
        json: file for the numbers.
    """

    dmn: Path = REPOSITORY / "models/dmn_apartment.safetensors"
    context_map: Path = REPOSITORY / "models/apartment_map.safetensors"
    rearranged: Path = Path("build/apartment_rearranged/test")
    twin: Path = Path("build/apartment_twin")
    threads: int = 2
    quick: bool = False
    json: Path | None = None
