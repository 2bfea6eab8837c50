"""Command ``worlds_generate``: render random worlds into shards, with several processes."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from localization_common.command_line import command, options_of
from localization_common.datasets.world_shards import read_shard_header, shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import ConfigError, DatasetError
from localization_common.files.outputs import require_writable_folder
from localization_sim.worlds.drawing import DOMAINS, Name, draw_worlds


@dataclass(frozen=True)
class WorldGeneration:
    """Render random worlds for the Differentiable Mapping Network, each split into shards in its own directory.

    Existing shards stay, so that the same command continues an interrupted generation.

    Attributes:
        domain: kind of worlds.
        output: directory for train, validation and test; build/worlds/DOMAIN by default.
        train, validation, test: number of worlds.
        seed: seed of the worlds; a world depends only on domain, seed, split and its number.
        processes: number of processes that render; 0: one for each core.
        shard_megabytes: approximate size of a file, MB.
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
        """Directory of the splits."""
        return self.output or Path("build/worlds") / self.domain


@dataclass(frozen=True)
class WorldShard:
    """File to generate: worlds first..first + count - 1 of a split."""

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
        """Settings that define the worlds of the split."""
        domain = DOMAINS[self.domain]
        made_by = {"domain": self.domain, "version": domain.version, "seed": self.seed, "split": self.split}
        recipe: dict[str, Any] = json.loads(json.dumps(made_by | dataclasses.asdict(domain)))  # tuples become lists
        return recipe

    def is_done(self) -> bool:
        """Return True if the file exists and holds these worlds, or more.

        Raises:
            DatasetError: the file holds other worlds.
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


def plan_shards(generation: WorldGeneration) -> list[WorldShard]:
    """List all files of a generation, those of small splits first."""
    height, width = DOMAINS[generation.domain].image_shape
    megabytes = DOMAINS[generation.domain].views * height * width * 3 / 1e6
    size = max(1, round(generation.shard_megabytes / megabytes))
    shards = []
    for split in ("test", "validation", "train"):
        total = getattr(generation, split)
        for number, first in enumerate(range(0, total, size)):
            path = shard_path(generation.directory / split, number)
            count = min(size, total - first)
            shards.append(WorldShard(generation.domain, generation.seed, split, first, count, path))
    return shards


def generate(generation: WorldGeneration) -> None:
    """Generate the missing shards and print the progress.

    Raises:
        DatasetError: the directory holds other worlds.
        CameraError: OpenGL does not start.
    """
    require_writable_folder(generation.directory)
    shards = [shard for shard in plan_shards(generation) if not shard.is_done()]
    if not shards:
        print(f"{generation.directory}: all worlds exist already")
        return
    processes = min(generation.processes or len(os.sched_getaffinity(0)), len(shards))
    os.environ.setdefault("LP_NUM_THREADS", "0")  # software OpenGL: several processes, no threads within each
    report = _Progress(generation.directory, sum(shard.count for shard in shards))
    for shard, worlds in _draw_all(shards, processes):
        write_shard(shard.path, worlds, first=shard.first, recipe=shard.recipe)
        report(shard)


def _draw_all(shards: list[WorldShard], processes: int) -> Iterator[tuple[WorldShard, WorldSet]]:
    """Yield the worlds of each shard, in the order in which they are finished."""
    if processes == 1:
        yield from ((shard, draw_worlds(*shard.request)) for shard in shards)
        return
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    # Processes are spawned, because OpenGL does not work after a fork.
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            waiting = {pool.submit(draw_worlds, *shard.request): shard for shard in shards}
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield waiting.pop(future), future.result()
        except BaseException:  # interrupted or failed: the work of the other processes is not needed
            for child in set(multiprocessing.active_children()) - set(others):
                child.terminate()
            raise


def _end_with_parent() -> None:
    """End a worker when its parent process has ended, for whatever reason."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Progress:
    """Prints progress and speed of a generation."""

    def __init__(self, directory: Path, total: int) -> None:
        self._directory, self._total, self._done, self._started = directory, total, 0, time.monotonic()

    def __call__(self, shard: WorldShard) -> None:
        self._done += shard.count
        rate = self._done / (time.monotonic() - self._started)
        print(f"{self._directory}: {self._done}/{self._total} worlds, {rate:.1f} worlds/s", flush=True)


def main() -> None:
    """Entry point of ``worlds_generate``."""
    with command("worlds_generate", interrupted="interrupted; the same command continues"):
        generate(options_of(WorldGeneration))


if __name__ == "__main__":
    main()
