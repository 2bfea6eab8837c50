"""Command ``worlds_generate``: random worlds with their views, in shards that several processes render."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from localization_common.datasets.world_shards import read_shard_header, shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import ConfigError, DatasetError, LocalizationError
from localization_sim.worlds.drawing import DOMAINS, Name, draw_worlds


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
    def request(self) -> tuple[Name, int, str, range]:
        """Arguments of `draw_worlds`."""
        return self.domain, self.seed, self.split, range(self.first, self.first + self.count)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the looks of the split's worlds depend on."""
        domain = DOMAINS[self.domain]
        made_by = {"domain": self.domain, "version": domain.version, "seed": self.seed, "split": self.split}
        return json.loads(json.dumps(made_by | dataclasses.asdict(domain)))  # as it is read back: no tuples

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
    for shard, worlds in _draw_all(shards, processes):
        write_shard(shard.path, worlds, first=shard.first, recipe=shard.recipe)
        report(shard)


def _draw_all(shards: list[Shard], processes: int) -> Iterator[tuple[Shard, WorldSet]]:
    """Worlds of each shard, in the order in which they are finished."""
    if processes == 1:
        yield from ((shard, draw_worlds(*shard.request)) for shard in shards)
        return
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    # Spawned, since OpenGL does not survive a fork.
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            waiting = {pool.submit(draw_worlds, *shard.request): shard for shard in shards}
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield waiting.pop(future), future.result()
        except BaseException:  # interrupted, or failed: what the others draw is not wanted any more
            for child in set(multiprocessing.active_children()) - set(others):
                child.terminate()
            raise


def _end_with_parent() -> None:
    """In a worker: end when the process that wants its worlds has ended, however it did."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Progress:
    """Prints how far a generation is, and how fast."""

    def __init__(self, directory: Path, total: int) -> None:
        self._directory, self._total, self._done, self._started = directory, total, 0, time.monotonic()

    def __call__(self, shard: Shard) -> None:
        self._done += shard.count
        rate = self._done / (time.monotonic() - self._started)
        print(f"{self._directory}: {self._done}/{self._total} worlds, {rate:.1f} worlds/s", flush=True)


def main() -> None:
    """Entry point of ``worlds_generate``."""
    try:
        generate(tyro.cli(Generation))
    except LocalizationError as error:
        sys.exit(f"worlds_generate: {error}")
    except KeyboardInterrupt:
        sys.exit("worlds_generate: interrupted; the same command goes on")


if __name__ == "__main__":
    main()
