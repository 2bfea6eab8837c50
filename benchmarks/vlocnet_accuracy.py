"""Train and score every system on the same data: ``python benchmarks/vlocnet_accuracy.py --help``.

Each run is ``vlocnet_train --system NAME`` and ``vlocnet_evaluate`` in their own processes. The results of a run are
stored in the work directory, so that an interrupted benchmark continues. All systems are trained with the same number
of batches; systems that the paper trains jointly start from single tasks trained here (section III of the paper).
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import tyro

import kept_runs
from benchmark_file import BenchmarkFile
from vlocnet_accuracy_rows import RUNS, DataName, VlocnetRun
from vlocnet_accuracy_tables import ORDER, Numbers, notes, tables

REPOSITORY = Path(__file__).resolve().parents[1]
CHECKPOINT = REPOSITORY / "models" / "vlocnet_apartment_light.safetensors"
#: Frames of RedKitchen that are scored and not trained with.
HELD_OUT = "200-239,450-489,700-739"


@dataclass(frozen=True)
class VlocnetAccuracyConfig:
    """Train and score all systems.

    Attributes:
        data: recorded apartment: train_*, val, test (made by `apartment_record --output build/apartment`).
        drives: number of training drives of train_*, from the first on.
        more: thirty drives through the same apartment, for the rows beside the shipped network, which are left out
            without them (made by `apartment_record --output build/more --train 30 --no-val --no-test`).
        redkitchen: sequence seq-01 of 7-Scenes' RedKitchen, whose rows are left out without it.
        steps: number of training batches of each system; joint training adds half of it to the single tasks.
        batch: number of frames in a batch.
        seeds: seeds of the main rows; other rows are trained with the first one.
        rows: names of the rows to train; all by default.
        jobs: number of runs at a time, each on one core.
        work: directory for checkpoints and results.
        quick: two drives, a few steps, main rows only, to test that everything runs.
        json: file for the numbers.
    """

    data: Path = Path("build/apartment")
    drives: int = 3
    more: Path = Path("build/more")
    redkitchen: Path = Path("../shared/data/7scenes/redkitchen/seq-01")
    steps: int = 800
    batch: int = 32
    seeds: tuple[int, ...] = (0, 1, 2)
    rows: tuple[str, ...] = ()
    jobs: int = 2
    work: Path = Path("build/vlocnet_accuracy")
    quick: bool = False
    json: Path | None = None


class VlocnetAccuracyBenchmark:
    """Training and scoring of all rows in the order of their dependencies, several at a time."""

    def __init__(self, config: VlocnetAccuracyConfig) -> None:
        self.config = config
        config.work.mkdir(parents=True, exist_ok=True)
        self._futures: dict[tuple[str, int], Future[Numbers]] = {}
        self._pool = ThreadPoolExecutor(config.jobs)

    def results(self, runs: tuple[VlocnetRun, ...]) -> dict[str, list[Numbers]]:
        """Results of `vlocnet_evaluate` for each run and seed; one seed after the other."""
        seeds = {run.name: self.config.seeds if run.main else self.config.seeds[:1] for run in runs}
        for seed in self.config.seeds:
            for run in runs:
                if seed in seeds[run.name]:
                    self._submit(run, seed)
        found: dict[str, list[Numbers]] = {}
        for run in runs:
            found[run.name] = [self._futures[run.name, seed].result() for seed in seeds[run.name]]
        self._pool.shutdown()
        return found

    def _submit(self, run: VlocnetRun, seed: int) -> None:
        if (run.name, seed) not in self._futures:
            for name in run.initial:
                self._submit(next(r for r in RUNS if r.name == name), seed)
            # The runs that a run needs were submitted before it, so a waiting run never blocks them.
            needed = [self._futures[name, seed] for name in run.initial]
            self._futures[run.name, seed] = self._pool.submit(self._perform, run, seed, needed)

    def _perform(self, run: VlocnetRun, seed: int, needed: list[Future[Numbers]]) -> Numbers:
        for future in needed:
            future.result()
        if not run.steps:
            return self._scored(run, CHECKPOINT, self.config.work / CHECKPOINT.with_suffix(".part").name)
        file = self._checkpoint(run.name, seed)
        result, log, command = file.with_suffix(".json"), file.with_suffix(".log"), self._training(run, seed)
        key = kept_runs.portable(command, REPOSITORY)
        stored = kept_runs.stored(result, key)
        if stored is not None:
            return stored
        log.unlink(missing_ok=True)
        kept_runs.run(command, log, REPOSITORY)
        values = kept_runs.store(result, key, self._scored(run, file, file.with_suffix(".part")))
        print(f"{run.name}, seed {seed}: {json.dumps(values.get('pose', values.get('segmentation', {})))[:110]}")
        return values

    def _scored(self, run: VlocnetRun, checkpoint: Path, output: Path) -> Numbers:
        words = [*self._evaluation(run), "--checkpoint", str(checkpoint), "--output", str(output.resolve())]
        kept_runs.run(words, output.with_suffix(".log"), REPOSITORY)
        values: Numbers = json.loads(output.read_text(encoding="utf-8"))
        return values

    def _checkpoint(self, name: str, seed: int) -> Path:
        return self.config.work.resolve() / f"{name.replace(', ', '_').replace(' ', '_')}-{seed}.safetensors"

    def _training(self, run: VlocnetRun, seed: int) -> list[str]:
        c = self.config
        words = [sys.executable, "-m", "vlocnet_ros.commands.train", "--system", run.system]
        words += self._redkitchen() if run.data == "redkitchen" else self._drives(run.data)
        words += [
            "--output",
            str(self._checkpoint(run.name, seed)),
            "--seed",
            str(seed),
            "--runs",
            str(c.work / "runs"),
        ]
        words += ["--optimizer.minutes", "None", "--optimizer.steps", str(self._steps(run))]
        words += ["--batch", str(c.batch), "--threads", "1", "--no-progress-bar", "--accelerator", "cpu"]
        words += ["--optimizer.learning-rate", "1.5e-3" if not run.initial else "1e-3"]
        if run.ablations:
            words += ["--ablate", *run.ablations]
        if run.initial:
            words += ["--initial", *(str(self._checkpoint(name, seed)) for name in run.initial)]
            words += ["--optimizer.taken-rate", "0.3"]
        return [*words, *run.options]

    def _steps(self, run: VlocnetRun) -> int:
        return max(1, round(self.config.steps * run.steps))

    def _drives(self, data: DataName) -> list[str]:
        """Options of a training in the apartment, where the camera turns about the vertical only.

        The validation drive selects the best weights, and calibrates the covariances of poses and motions.
        """
        folder, most = (self.config.data, self.config.drives) if data == "drives" else (self.config.more, None)
        drives = sorted(folder.resolve().glob("train_*"))[:most]
        if not drives:
            sys.exit(f"{folder}: no train_*; run apartment_record --output {folder}")
        words = ["--train", *map(str, drives), "--augmentation.planar", "--augmentation.shift", "0"]
        words += ["--validate", str(self.config.data.resolve() / "val")]
        words += ["--validate-every", str(max(1, self.config.steps // 4))]
        return [*words, "--augmentation.light", "0.15", "--augmentation.erase", "0.05"]

    def _redkitchen(self) -> list[str]:
        """Options of a training in RedKitchen, with a hand-held camera."""
        words = ["--train", str(self.config.redkitchen.resolve()), "--exclude", HELD_OUT, "--max-frame-gap", "3"]
        words += ["--augmentation.viewpoint", "0.8", "--augmentation.metres", "0.16", "--augmentation.degrees", "9"]
        return [*words, "--augmentation.light", "0.3", "--augmentation.erase", "0.2", "--augmentation.shift", "2"]

    def _evaluation(self, run: VlocnetRun) -> list[str]:
        words = [sys.executable, "-m", "vlocnet_ros.commands.evaluate", "--threads", "1"]
        if run.data == "redkitchen":
            scored = ["--frames", HELD_OUT, "--max-frame-gap", "3"]
            return [*words, "--sequences", str(self.config.redkitchen.resolve()), *scored]
        words += ["--sequences", str(self.config.data.resolve() / "test")]
        return words + (["--frames", "0-59"] if self.config.quick else [])


def names(there: set[DataName]) -> set[str]:
    """Names of the rows whose data exists."""
    return {run.name for run in RUNS if run.data in there}


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(VlocnetAccuracyConfig, description=__doc__)
    if config.quick:
        config = replace(
            config, drives=2, steps=16, batch=8, seeds=config.seeds[:1], work=config.work.with_name("quick_accuracy")
        )
        config = replace(config, rows=config.rows or (*ORDER, "adapnet"))
    unknown = set(config.rows) - {run.name for run in RUNS}
    if unknown:
        sys.exit(f"rows: {sorted(unknown)} are not among {[run.name for run in RUNS]}")
    there: set[DataName] = {"drives"}
    there |= {"more drives"} if config.more.is_dir() else set()
    there |= {"redkitchen"} if config.redkitchen.is_dir() else set()
    runs = tuple(run for run in RUNS if run.name in (config.rows or names(there)))
    results = VlocnetAccuracyBenchmark(config).results(runs)
    groups = {run.group: [r.name for r in runs if r.group == run.group] for run in runs}
    file = BenchmarkFile.of(
        __file__,
        title="VLocNet++ beside other systems",
        tables=tables(groups, results),
        notes=notes(results),
        runs=results,
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
