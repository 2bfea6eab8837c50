"""Command line of the benchmark of the DMN paper's systems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dmn_accuracy_rows import QUICK
from dmn_accuracy_tables import DMN, DomainName


@dataclass(frozen=True)
class DmnAccuracyConfig:
    """Train and score all rows.

    Attributes:
        worlds: directory of worlds; missing ones are generated.
        domains: kinds of worlds.
        train: number of training worlds in each domain; a maze needs thirty times the disk space of a room.
        test: number of test worlds in each domain.
        asked: number of trials in each test world; more trials measure success more exactly.
        varied: largest number of test worlds with other numbers of contexts and particles; 0: none.
        steps: largest number of training batches in each domain.
        seeds: seeds of the main rows; other rows are trained with the first one.
        main: names of the main rows, by default all; rows that they start from are trained with all seeds, too.
        rows: names of the rows; all by default.
        accelerator: accelerator in Lightning's notation; cuda is used for scoring, too.
        precision: precision of the training in Lightning's notation.
        jobs: number of runs at a time, each on one core.
        work: directory for checkpoints and results.
        quick: a few rooms and a few steps, to test that everything runs.
        json: file for the numbers.
    """

    worlds: Path = Path("build/worlds")
    domains: tuple[DomainName, ...] = ("rooms", "mazes", "street")
    train: tuple[int, int, int] = (20_000, 960, 4_000)
    test: tuple[int, int, int] = (1_000, 300, 200)
    asked: int = 1
    varied: int = 250
    steps: tuple[int, int, int] = (20_000, 20_000, 20_000)
    seeds: tuple[int, ...] = (0, 1, 2)
    main: tuple[str, ...] = (DMN, "projection", "projection_placed", "projection_compass")
    rows: tuple[str, ...] = ()
    accelerator: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    jobs: int = 2
    work: Path = Path("build/dmn_accuracy")
    quick: bool = False
    json: Path | None = None

    def quickly(self) -> DmnAccuracyConfig:
        """Return the configuration of ``--quick``: fewer of everything, in other directories."""
        return replace(
            self,
            domains=("rooms",),
            train=(200, 0, 0),
            test=(12, 0, 0),
            varied=6,
            steps=(8, 0, 0),
            seeds=self.seeds[:1],
            rows=self.rows or QUICK,
            worlds=self.worlds.with_name("quick_worlds"),
            work=self.work.with_name("quick_dmn_accuracy"),
        )
