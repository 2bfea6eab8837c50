"""Command ``worlds_generate``: random worlds with their views, in shards that several processes render."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro

from localization_common.datasets.world_shards import read_shard_header, shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import ConfigError, DatasetError, LocalizationError
from localization_sim.worlds.domain import Domain
from localization_sim.worlds.rooms import Rooms

#: What can be generated.
DOMAINS: dict[str, Domain] = {
    "rooms": Rooms(),
    "rooms_uniform": Rooms(camera="uniform"),
}
Name = Literal["rooms", "rooms_uniform"]
#: Part of every world's seed: equal numbers in two splits give two worlds.
SPLITS = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Generation:
    """Render random worlds for the Differentiable Mapping Network, each split into shards in its own directory.

    Shards that are there already stay, so that an interrupted generation goes on where it was.

    Attributes:
        domain: what kind of worlds.
        output: directory for train, validation and test; build/worlds/DOMAIN unless given.
        train, validation, test: how many worlds.
        seed: other seeds give other worlds; a world depends on domain, seed, split and its number, on nothing else.
        processes: how many render at once; 0 takes one for each core.
        shard_megabytes: about so large does a file become.
    """

    domain: tyro.conf.Positional[Name]
    output: Path | None = None
    train: int = 10_000
    validation: int = 500
    test: int = 1_000
    seed: int = 0
    processes: int = 0
    shard_megabytes: float = 16.0

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test, self.seed, self.processes) < 0 or self.shard_megabytes <= 0:
            raise ConfigError("numbers of worlds, seed and processes must not be negative, and a shard not empty")

    @property
    def directory(self) -> Path:
        """Where the splits go."""
        return self.output or Path("build/worlds") / self.domain


@dataclass(frozen=True)
class Shard:
    """One file to make: worlds first..first + count - 1 of a split."""

    domain: Name
    seed: int
    split: str
    first: int
    count: int
    path: Path

    @property
    def recipe(self) -> dict[str, Any]:
        """What the looks of the split's worlds depend on."""
        domain = DOMAINS[self.domain]
        made_by = {"domain": self.domain, "version": domain.version, "seed": self.seed, "split": self.split}
        return made_by | dataclasses.asdict(domain)

    def is_done(self) -> bool:
        """Whether the file is there, with these worlds and perhaps more.

        Raises:
            DatasetError: it is, but holds something else.
        """
        if not self.path.exists():
            return False
        header = read_shard_header(self.path)
        if (header["recipe"], header["first"]) != (self.recipe, self.first):
            raise DatasetError(
                f"{self.path}: holds other worlds ({header['recipe']}, from {header['first']}); give another --output, "
                "or delete it"
            )
        return bool(header["count"] >= self.count)


def plan_shards(generation: Generation) -> list[Shard]:
    """All files of a generation, those of small splits first."""
    height, width = DOMAINS[generation.domain].image_shape
    megabytes = DOMAINS[generation.domain].views * height * width * 3 / 1e6
    size = max(1, round(generation.shard_megabytes / megabytes))
    shards = []
    for split in ("test", "validation", "train"):
        total = getattr(generation, split)
        for number, first in enumerate(range(0, total, size)):
            path = shard_path(generation.directory / split, number)
            count = min(size, total - first)
            shards.append(Shard(generation.domain, generation.seed, split, first, count, path))
    return shards


def draw_worlds(name: Name, seed: int, split: str, numbers: range) -> WorldSet:
    """Worlds of a split, by their numbers, drawn in this process."""
    domain = DOMAINS[name]
    with domain.open_stage() as stage:
        worlds = [domain.draw(stage, _random(name, seed, split, number)) for number in numbers]
    images, poses, visits = (np.stack(parts) for parts in zip(*worlds, strict=True))
    return WorldSet(name, images, poses.astype(np.float32), visits, domain.metres_per_unit, domain.panoramic)


def generate(generation: Generation) -> None:
    """Make the shards that are not there yet, and say how fast.

    Raises:
        DatasetError: the directory holds other worlds.
        CameraError: OpenGL does not start.
    """
    shards = [shard for shard in plan_shards(generation) if not shard.is_done()]
    if not shards:
        print(f"{generation.directory}: everything is there already")
        return
    processes = min(generation.processes or len(os.sched_getaffinity(0)), len(shards))
    os.environ.setdefault("LP_NUM_THREADS", "0")  # software OpenGL: processes instead of threads within each
    report = _Progress(generation.directory, sum(shard.count for shard in shards))
    if processes == 1:
        for shard in shards:
            report(_make(shard))
        return
    context = multiprocessing.get_context("spawn")  # OpenGL does not survive a fork
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            for finished in as_completed([pool.submit(_make, shard) for shard in shards]):
                report(finished.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Progress:
    """Prints how far a generation is, and how fast."""

    def __init__(self, directory: Path, total: int) -> None:
        self._directory, self._total, self._done, self._started = directory, total, 0, time.monotonic()

    def __call__(self, shard: Shard) -> None:
        self._done += shard.count
        rate = self._done / (time.monotonic() - self._started)
        print(f"{self._directory}: {self._done}/{self._total} worlds, {rate:.1f} worlds/s", flush=True)


def _make(shard: Shard) -> Shard:
    worlds = draw_worlds(shard.domain, shard.seed, shard.split, range(shard.first, shard.first + shard.count))
    write_shard(shard.path, worlds, first=shard.first, recipe=shard.recipe)
    return shard


def _random(name: str, seed: int, split: str, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode()), SPLITS[split], number])


def main() -> None:
    """Entry point of ``worlds_generate``."""
    try:
        generate(tyro.cli(Generation))
    except LocalizationError as error:
        sys.exit(f"worlds_generate: {error}")


if __name__ == "__main__":
    main()
