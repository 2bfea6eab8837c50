"""Command line of the benchmark of the DMN paper's systems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dmn_accuracy_rows import QUICK
from dmn_accuracy_tables import DMN, Domain


@dataclass(frozen=True)
class Config:
    """Train and score all rows.

    Attributes:
        worlds: directory of worlds, generated there as far as they are missing.
        domains: which of them.
        train: worlds to train with, in each domain; mazes take thirty times the room of rooms.
        test: worlds to score on, in each domain.
        asked: trials in each of them; more tell success more exactly.
        varied: as many of them, at most, to vary contexts and particles on; 0 varies nothing.
        steps: batches that each system is trained with at most, in each domain.
        seeds: of the main rows; others are trained with the first.
        main: names of these rows, all of them where none is named; what they go on from is trained with all seeds, too.
        rows: names of the rows; all by default.
        accelerator: as Lightning names it; cuda is used for scoring, too.
        precision: of the training, as Lightning names it.
        jobs: runs at a time, each on one core.
        work: directory for checkpoints and what runs gave.
        quick: rooms only, a few of them, and a few steps: whether everything runs, not how good it is.
        json: file for the numbers.
    """

    worlds: Path = Path("build/worlds")
    domains: tuple[Domain, ...] = ("rooms", "mazes", "street")
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

    def quickly(self) -> Config:
        """The same with ``--quick``: fewer of everything, in directories of their own."""
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
