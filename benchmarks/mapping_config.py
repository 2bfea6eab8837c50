"""Command line of the benchmark of the mapping."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from localization_mapping.options import MappingOptions

Part = Literal["drives", "together", "without odometry", "place", "starts"]
PARTS: tuple[Part, ...] = ("drives", "together", "without odometry", "place", "starts")


@dataclass(frozen=True)
class MappingBenchmarkConfig:
    """Measure maps that are made without true poses.

    Attributes:
        parts: parts to measure; the numbers of the others are those of an earlier run, if there are any.
        apartment: recorded apartment: train_00, train_01, train_02, test; missing drives are recorded.
        rearranged: the same apartment after a quarter of the furniture was moved: train_00, test.
        seed: seed of the apartment.
        redkitchen: sequence seq-01 of 7-Scenes' RedKitchen.
        rpy: sequence freiburg1_rpy of TUM RGB-D.
        work: directory for bags, places and numbers; delete it when the code of the mapping has changed.
        mapping: parameters of the mapping.
        threads: number of threads of torch and OpenCV.
        quick: a few frames of small images of one drive, to test that everything runs.
        json: file for the numbers.
    """

    parts: tuple[Part, ...] = PARTS
    apartment: Path = Path("build/apartment")
    rearranged: Path = Path("build/apartment_rearranged")
    seed: int = 0
    redkitchen: Path = Path("../shared/data/7scenes/redkitchen/seq-01")
    rpy: Path = Path("../shared/data/tum/rgbd_dataset_freiburg1_rpy")
    work: Path = Path("build/mapping")
    mapping: MappingOptions = field(default_factory=MappingOptions)
    threads: int = 2
    quick: bool = False
    json: Path | None = None
