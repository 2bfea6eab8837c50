"""Trains and scores every system on the same data: ``python benchmarks/vlocnet_accuracy.py --help``.

Each run is ``vlocnet_train --system NAME`` and ``vlocnet_evaluate`` in processes of their own. What a run gave is kept
in the work directory, so that an interrupted benchmark goes on where it stopped. All systems see the same number of
batches; those that the paper trains jointly start from single tasks trained here (section III of the paper).
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
from vlocnet_accuracy_tables import NO_WARPING, ORDER, Numbers, notes, tables

from deep_localization import kept_runs
from deep_localization.benchmark_file import BenchmarkFile

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Config:
    """Train and score all systems.

    Attributes:
        data: recorded apartment: train_*, val, test (made by `apartment_record --output build/apartment`).
        drives: of train_*, the first so many.
        redkitchen: sequence seq-01 of 7-Scenes' RedKitchen, whose rows are left out where it is not.
        steps: batches that each system is trained with; joint training adds half as many to its single tasks'.
        batch: frames in one.
        seeds: of the main rows; others are trained with the first.
        rows: names of the rows to train; all by default.
        jobs: runs at a time, each on one core.
        work: directory for checkpoints and what runs gave.
        quick: two drives, a few steps, main rows only: whether everything runs, not how good it is.
        json: file for the numbers.
    """

    data: Path = Path("build/apartment")
    drives: int = 3
    redkitchen: Path = Path("../shared/data/7scenes/redkitchen/seq-01")
    steps: int = 800
    batch: int = 32
    seeds: tuple[int, ...] = (0, 1, 2)
    rows: tuple[str, ...] = ()
    jobs: int = 2
    work: Path = Path("build/vlocnet_accuracy")
    quick: bool = False
    json: Path | None = None


@dataclass(frozen=True)
class Run:
    """One training: a system, changed by ablations or options, from what other runs ended with."""

    name: str
    system: str
    group: str
    steps: float = 1.0  # share of Config.steps
    ablations: tuple[str, ...] = ()
    initial: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    main: bool = False
    redkitchen: bool = False


#: Frames of RedKitchen that are scored and not trained with.
HELD_OUT = "200-239,450-489,700-739"
#: Pose is trained on single frames mostly: two frames of a pair show the same place.
PAIRS = ("--mixture.pose", "2", "--mixture.pairs", "1", "--mixture.all", "1")
JOINT = ("vlocnetpp_single", "adapnet")
#: Group of the rows that see as many batches as VLocNet++.
AS_LONG = "Beside VLocNet++, as long"
#: Group of the ablations: too many for all of the joint training, so their first row is what they are compared with.
SHORT = "Ablations, after a third of the joint training"


def _ablation(name: str, *ablations: str, options: tuple[str, ...] = ()) -> Run:
    return Run(name, "vlocnetpp", SHORT, 0.5 / 3.0, ablations, JOINT, (*PAIRS, *options))


RUNS = (
    Run("posenet", "posenet", "Systems", main=True),
    Run("posenet with ReLU", "posenet", "Systems", ablations=("relu",)),  # not VLocNet++, whose single tasks have ELU
    Run("bayesian_posenet", "bayesian_posenet", "Systems"),
    Run("lstm_pose", "lstm_pose", "Systems"),
    Run("svs_pose", "svs_pose", "Systems"),
    Run("vlocnet", "vlocnet", "Systems", options=PAIRS, main=True),
    Run("vlocnetpp_single", "vlocnetpp_single", "Systems", options=PAIRS, main=True),
    Run("vlocnetpp", "vlocnetpp", "Systems", 0.5, initial=JOINT, options=PAIRS, main=True),
    Run("odometry", "odometry", "Systems"),
    Run("adapnet", "adapnet", "Systems", 0.5, main=True),
    Run("fcn", "fcn", "Systems", 0.5),
    Run("deeplabv3", "deeplabv3", "Systems", 0.5),
    # what joint training gives beyond the time that it takes, and the frame before to the labels
    Run("single, as long", "vlocnetpp_single", AS_LONG, 0.5, initial=("vlocnetpp_single",), options=PAIRS),
    Run(NO_WARPING, "vlocnetpp", AS_LONG, 0.5, ("no_warping",), JOINT, PAIRS),
    _ablation("all of it"),
    _ablation("no viewpoint augmentation", options=("--augmentation.viewpoint", "0")),
    _ablation("no geometric consistency", "no_consistency"),
    _ablation("no temporal fusion", "temporal_none"),
    _ablation("temporal fusion by concatenation", "temporal_concatenation"),
    *(_ablation(f"semantic fusion at {place}", f"semantic_{place}") for place in ("4a", "4b", "4d", "4e", "4f")),
    _ablation("no hard sharing", "own_trunk"),
    *(
        Run(f"{system} in RedKitchen", system, "RedKitchen", options=options, redkitchen=True)
        for system, options in (("posenet", ()), ("svs_pose", ()), ("vlocnet", PAIRS), ("vlocnetpp_single", PAIRS))
    ),
)


class Benchmark:
    """Runs in the order that they need each other, several at a time."""

    def __init__(self, config: Config) -> None:
        self.config = config
        config.work.mkdir(parents=True, exist_ok=True)
        self._futures: dict[tuple[str, int], Future[Numbers]] = {}
        self._pool = ThreadPoolExecutor(config.jobs)

    def results(self, runs: tuple[Run, ...]) -> dict[str, list[Numbers]]:
        """What `vlocnet_evaluate` wrote, for each run and seed; seed after seed, so that some are whole soon."""
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

    def _submit(self, run: Run, seed: int) -> None:
        if (run.name, seed) not in self._futures:
            for name in run.initial:
                self._submit(next(r for r in RUNS if r.name == name), seed)
            # Those that a run needs were submitted before it, so a waiting run never holds up what it waits for.
            needed = [self._futures[name, seed] for name in run.initial]
            self._futures[run.name, seed] = self._pool.submit(self._perform, run, seed, needed)

    def _perform(self, run: Run, seed: int, needed: list[Future[Numbers]]) -> Numbers:
        for future in needed:
            future.result()
        file = self._checkpoint(run.name, seed)
        result, log, command = file.with_suffix(".json"), file.with_suffix(".log"), self._training(run, seed)
        told = kept_runs.told(command, REPOSITORY)
        kept = kept_runs.kept(result, told)
        if kept is not None:
            return kept
        log.unlink(missing_ok=True)
        kept_runs.run(command, log, REPOSITORY)
        kept_runs.run(self._evaluation(run, file), log, REPOSITORY)
        part = file.with_suffix(".part")
        values = kept_runs.keep(result, told, json.loads(part.read_text(encoding="utf-8")))
        print(f"{run.name}, seed {seed}: {json.dumps(values.get('pose', values.get('segmentation', {})))[:110]}")
        return values

    def _checkpoint(self, name: str, seed: int) -> Path:
        return self.config.work.resolve() / f"{name.replace(', ', '_').replace(' ', '_')}-{seed}.safetensors"

    def _training(self, run: Run, seed: int) -> list[str]:
        c = self.config
        words = [sys.executable, "-m", "vlocnet_ros.train", "--system", run.system]
        words += self._redkitchen() if run.redkitchen else self._drives()
        words += [
            "--output",
            str(self._checkpoint(run.name, seed)),
            "--seed",
            str(seed),
            "--runs",
            str(c.work / "runs"),
        ]
        words += ["--optimizer.minutes", "None", "--optimizer.steps", str(max(1, round(c.steps * run.steps)))]
        words += ["--batch", str(c.batch), "--threads", "1", "--no-progress-bar", "--accelerator", "cpu"]
        words += ["--optimizer.learning-rate", "1.5e-3" if not run.initial else "1e-3"]
        if run.ablations:
            words += ["--ablate", *run.ablations]
        if run.initial:
            words += ["--initial", *(str(self._checkpoint(name, seed)) for name in run.initial)]
            words += ["--optimizer.taken-rate", "0.3"]
        return [*words, *run.options]

    def _drives(self) -> list[str]:
        """Training in the apartment, where the camera turns about the vertical alone.

        The validation drive says which state is the best, and how far poses and motions are off: what joins them.
        """
        drives = sorted(self.config.data.resolve().glob("train_*"))[: self.config.drives]
        if not drives:
            sys.exit(f"{self.config.data}: no train_*; run apartment_record --output {self.config.data}")
        words = ["--train", *map(str, drives), "--augmentation.planar", "--augmentation.shift", "0"]
        words += ["--validate", str(self.config.data.resolve() / "val")]
        words += ["--validate-every", str(max(1, self.config.steps // 4))]
        return [*words, "--augmentation.light", "0.15", "--augmentation.erase", "0.05"]

    def _redkitchen(self) -> list[str]:
        """Training in RedKitchen, with a camera in the hand."""
        words = ["--train", str(self.config.redkitchen.resolve()), "--exclude", HELD_OUT, "--max-frame-gap", "3"]
        words += ["--augmentation.viewpoint", "0.8", "--augmentation.metres", "0.16", "--augmentation.degrees", "9"]
        return [*words, "--augmentation.light", "0.3", "--augmentation.erase", "0.2", "--augmentation.shift", "2"]

    def _evaluation(self, run: Run, file: Path) -> list[str]:
        words = [sys.executable, "-m", "vlocnet_ros.evaluate", "--checkpoint", str(file), "--threads", "1"]
        words += ["--output", str(file.with_suffix(".part"))]
        if run.redkitchen:
            scored = ["--frames", HELD_OUT, "--max-frame-gap", "3"]
            return [*words, "--sequences", str(self.config.redkitchen.resolve()), *scored]
        words += ["--sequences", str(self.config.data.resolve() / "test")]
        return words + (["--frames", "0-59"] if self.config.quick else [])


def names(redkitchen: bool) -> set[str]:
    """Rows that can be trained, with RedKitchen at hand or without."""
    return {run.name for run in RUNS if redkitchen or not run.redkitchen}


def main() -> None:
    """Run, print, write."""
    config = tyro.cli(Config, description=__doc__)
    if config.quick:
        config = replace(
            config, drives=2, steps=16, batch=8, seeds=config.seeds[:1], work=config.work.with_name("quick_accuracy")
        )
        config = replace(config, rows=config.rows or (*ORDER, "adapnet"))
    unknown = set(config.rows) - {run.name for run in RUNS}
    if unknown:
        sys.exit(f"rows: {sorted(unknown)} are not among {[run.name for run in RUNS]}")
    there = config.redkitchen.is_dir()
    runs = tuple(run for run in RUNS if run.name in (config.rows or names(there)))
    results = Benchmark(config).results(runs)
    groups = {run.group: [r.name for r in runs if r.group == run.group] for run in runs}
    file = BenchmarkFile.of(
        __file__,
        title="VLocNet++ and what it is compared with",
        tables=tables(groups, results),
        notes=notes(results),
        runs=results,
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
