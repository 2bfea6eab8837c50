"""Speed of this version against another commit: ``python benchmarks/compare.py BASE``.

Three processes take turns: this version, the commit, and the commit once more. The second and the third run the same
code, so their ratio is the noise of this computer. Something is slower if the ratio of this version to the commit is
above 1 with 95 % confidence, and farther from 1 than the noise. The exit status is 1 then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import tyro

from benchmark_file import Cell, Column, Table
from compare_probes import PROBES

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = (
    Column("probe"),
    Column("base", "{:.2f} ms"),
    Column("this", "{:.2f} ms"),
    Column("this / base", "{:.3f}"),
    Column("95 % interval", "{:.3f} to {:.3f}"),
    Column("noise", "{:.3f}"),
    Column("verdict"),
)


@dataclass(frozen=True)
class CompareConfig:
    """Compare this working tree with a commit.

    Attributes:
        base: commit, branch or tag.
        probes: names of probes; by default all.
        rounds: number of measurements of each probe by each process.
        smallest: least relative difference that counts, whatever the noise.
    """

    base: tyro.conf.Positional[str]
    probes: tuple[str, ...] = tuple(PROBES)
    rounds: int = 30
    smallest: float = 0.02


class Worker:
    """Process that measures probes with the packages of one checkout.

    Args:
        checkout: root of the repository.
    """

    def __init__(self, checkout: Path) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment = {**os.environ, **threads, "PYTHONPATH": str(checkout)}
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "benchmarks/compare_probes.py")],
            cwd=checkout,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def measure(self, probe: str) -> float:
        """Milliseconds of a probe.

        Raises:
            RuntimeError: this version cannot run it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(probe, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"error": f"the process ended with {self._process.wait()}"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return float(answer["ms"])

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()


@dataclass(frozen=True)
class Ratio:
    """Median of the ratios of paired measurements, with its 95 % interval.

    Attributes:
        median: median of the ratios.
        low, high: interval from the order of the ratios: it assumes no distribution.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numerators: list[float], denominators: list[float]) -> Ratio:
        """Ratio of measurements, of which each pair was made in the same round."""
        ratios = np.sort(np.array(numerators) / np.array(denominators))
        # the ranks of the binomial distribution, by its normal approximation
        reach = 0.98 * len(ratios) ** 0.5
        ranks = (len(ratios) - 1) / 2.0 + np.array([-reach, reach])
        low, high = ratios[np.clip(np.rint(ranks).astype(int), 0, len(ratios) - 1)]
        return cls(float(np.median(ratios)), float(low), float(high))


def verdict(new: Ratio, noise: Ratio, smallest: float) -> str:
    """``slower``, ``faster`` or ``same``."""
    floor = max(smallest, noise.high - 1.0, 1.0 - noise.low)
    if new.low > 1.0 and new.median > 1.0 + floor:
        return "slower"
    return "faster" if new.high < 1.0 and new.median < 1.0 - floor else "same"


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Working tree of a commit, removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base"
        subprocess.run(["git", "-C", ROOT, "worktree", "add", "--quiet", "--detach", path, commit], check=True)
        try:
            yield path
        finally:
            subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", path], check=True)


def compared(config: CompareConfig, workers: dict[str, Worker], probe: str) -> list[Cell]:
    """Row of the table for one probe."""
    times: dict[str, list[float]] = {name: [] for name in workers}
    for number in range(config.rounds):
        names = list(workers)
        for name in names[number % 3 :] + names[: number % 3]:
            try:
                times[name].append(workers[name].measure(probe))
            except RuntimeError as error:
                return [probe, None, None, None, None, None, f"not measured: {name}: {error}"]
    new, noise = Ratio.of(times["this"], times["base"]), Ratio.of(times["again"], times["base"])
    medians = (float(np.median(times[name])) for name in ("base", "this"))
    spread = max(noise.high - 1.0, 1.0 - noise.low)
    return [probe, *medians, new.median, (new.low, new.high), spread, verdict(new, noise, config.smallest)]


def main() -> None:
    """Measure, print the table, exit with 1 if something became slower."""
    config = tyro.cli(CompareConfig, description=__doc__)
    with ExitStack() as stack:
        base = stack.enter_context(checkout(config.base))
        trees = {"this": ROOT, "base": base, "again": base}
        workers = {name: stack.enter_context(Worker(tree)) for name, tree in trees.items()}
        rows = [compared(config, workers, probe) for probe in config.probes]
    table = Table(f"This version against {config.base}", COLUMNS, rows)
    print(f"{table.title}\n{table.text()}")
    sys.exit(int(any(row[-1] == "slower" for row in rows)))


if __name__ == "__main__":
    main()
