"""Command line of the benchmark of unseen homes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODELS = Path("models")


@dataclass(frozen=True)
class HomesConfig:
    """Localize in places that no training had.

    Attributes:
        networks: checkpoints of dmn; they are named by their files.
        seeds: first and last seed of the apartments. Seeds 200 to 299 are for tests only.
        varied: every n-th apartment is recorded a second time, with another lens, mount and light; 0 is none.
        data: directory of the real recordings (7scenes/redkitchen, tum); those that are absent are left out.
        one_step, starts, kidnapped: number of single images, of starts from a uniform belief, and of kidnapped robots
            in each place.
        work: directory for recordings, maps and numbers; delete its rows when a network or the code has changed.
        threads: number of threads of torch.
        json: file for the numbers.
    """

    networks: tuple[Path, ...] = (MODELS / "dmn_apartment.safetensors",)
    seeds: tuple[int, int] = (200, 229)
    varied: int = 2
    data: Path = Path("../shared/data")
    one_step: int = 20
    starts: int = 6
    kidnapped: int = 2
    work: Path = Path("build/homes_test")
    threads: int = 1
    json: Path | None = None
