"""Trains and scores the rows of the DMN paper's tables on worlds: ``python benchmarks/dmn_accuracy.py --help``.

Each run is ``dmn_train_worlds`` and ``dmn_evaluate_worlds`` in processes of their own. What a run gave is kept in the
work directory, so that an interrupted benchmark goes on where it stopped, also in the middle of a training. All rows
see the same number of batches of the same worlds, but for those whose names say more, and the same trials judge them.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import tyro
from dmn_accuracy_rows import QUICK, RUNS, Run, chosen
from dmn_accuracy_tables import BASELINES, DMN, VARIED, Domain, Numbers, notes, tables

from deep_localization import kept_runs
from deep_localization.benchmark_file import BenchmarkFile
from dmn_ros.world_config import WorldTrainingConfig

REPOSITORY = Path(__file__).resolve().parents[1]


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


CONTEXTS: dict[Domain, tuple[int, ...]] = {
    "rooms": (1, 2, 3, 4, 5),
    "mazes": (1, 2, 4, 8, 16, 32),
    "street": (1, 2, 4, 8, 12),
}
PARTICLES = (32, 128, 512, 2048, 16384)


class Benchmark:
    """Runs, several at a time."""

    def __init__(self, config: Config) -> None:
        self.config = config
        config.work.mkdir(parents=True, exist_ok=True)

    def results(self, runs: tuple[Run, ...]) -> dict[str, dict[str, list[Numbers]]]:
        """For each domain: what `dmn_evaluate_worlds` wrote for each row and seed; untrained rows have one."""
        for domain in self.config.domains:
            for more in sorted({1.0, *(run.more_worlds for run in runs)}):
                self._generate(domain, more)
        with ThreadPoolExecutor(self.config.jobs) as pool:
            futures: dict[tuple[Domain, str, int], Future[Numbers]] = {}
            for domain in self.config.domains:
                for run in runs:
                    for seed in self.seeds(run):
                        needed = None if run.initial is None else futures[domain, run.initial, seed]
                        futures[domain, run.name, seed] = pool.submit(self._perform, domain, run, seed, needed)
            found: dict[str, dict[str, list[Numbers]]] = {}
            for domain in self.config.domains:
                file = self.config.work / f"{domain}-untrained.json"
                untrained = self._evaluate(domain, None, file)
                found[domain] = {name: [untrained[name]] for name in BASELINES}
            for (domain, name, _), future in futures.items():
                found[domain].setdefault(name, []).append(future.result())
        return found

    def seeds(self, run: Run) -> tuple[int, ...]:
        """With which a row is trained."""
        return self.config.seeds if run in chosen(self.config.main) else self.config.seeds[:1]

    def _generate(self, domain: Domain, more: float) -> None:
        """Worlds that are not there yet; one process at a time, which uses all cores."""
        count = round(more * self._count(domain, self.config.train))
        test, worlds = self._count(domain, self.config.test), self._worlds(domain, more)
        validation, test = (max(8, test // 4), test) if more == 1.0 else (0, 0)  # all rows are judged by the same
        few = ["--validation", str(validation), "--test", str(test)]
        command = [sys.executable, "-m", "localization_sim.worlds.generate", domain, "--train", str(count), *few]
        command += ["--output", str(worlds)]
        kept_runs.run(command, self.config.work / f"{worlds.name}-worlds.log", REPOSITORY)

    def _perform(self, domain: Domain, run: Run, seed: int, needed: Future[Numbers] | None) -> Numbers:
        """Train and score, once that is done which it begins with: it was submitted before."""
        if needed is not None:
            needed.result()
        file = self._checkpoint(domain, run, seed)
        training = self._training(domain, run, seed, file)
        trained, told = file.with_suffix(".trained"), kept_runs.told(training, REPOSITORY)
        if kept_runs.kept(trained, told) is None:
            kept_runs.run(training, file.with_suffix(".log"), REPOSITORY)
            for suffix in (".json", ".varied"):  # of weights that were there before
                file.with_suffix(suffix).unlink(missing_ok=True)
            kept_runs.keep(trained, told, {})
        fit = ("--fit-on", str(self._worlds(domain) / "validation"))
        values = self._evaluate(domain, file, file.with_suffix(".json"), *fit)
        if run.name in VARIED and seed == self.config.seeds[0] and self.config.varied:
            contexts, particles = CONTEXTS[domain], PARTICLES[:2] if self.config.quick else PARTICLES
            words = ["--vary-contexts", *map(str, contexts), "--vary-particles", *map(str, particles)]
            words += ["--evaluation.likelihood-exponent", str(values["evaluation"]["likelihood_exponent"])]
            few = self._evaluate(domain, file, file.with_suffix(".varied"), *words, most=self.config.varied)
            values |= {"contexts": few["contexts"], "particles": few["particles"]}
        print(f"{file.stem}: {values['sequential']['mean']['success']:.3f} sequential", flush=True)
        return values

    def _training(self, domain: Domain, run: Run, seed: int, file: Path) -> list[str]:
        worlds, training = self._worlds(domain), run.trainings[domain]
        training = replace(training, steps=self._steps(domain, run), seed=seed)
        if self.config.quick:
            training = replace(training, worlds=4, evaluate_every=4)
        words = [sys.executable, "-m", "dmn_ros.train_worlds", str(self._worlds(domain, run.more_worlds) / "train")]
        words += ["--validation", str(worlds / "validation"), "--system", run.system, "--output", str(file)]
        words += ["--logs", str(file.with_suffix("")), "--resume", "--accelerator", self.config.accelerator]
        words += ["--precision", self.config.precision]
        if run.initial is not None:
            initial = next(r for r in RUNS if r.name == run.initial)
            words += ["--initial", str(self._checkpoint(domain, initial, seed))]
        return [*words, "--no-progress", *options("training", training, WorldTrainingConfig())]

    def _evaluate(
        self, domain: Domain, checkpoint: Path | None, output: Path, *more: str, most: int = sys.maxsize
    ) -> Numbers:
        words = [*self._evaluation(domain, checkpoint, most), *more]
        if self.config.asked > 1:
            output = output.with_suffix(f".asked{self.config.asked}{output.suffix}")
        told = kept_runs.told(words, REPOSITORY)
        kept = kept_runs.kept(output, told)
        if kept is not None:
            return kept
        part = output.with_name(f"{output.name}.part")
        kept_runs.run([*words, "--output", str(part)], output.with_suffix(".evaluation.log"), REPOSITORY)
        return kept_runs.keep(output, told, json.loads(part.read_text(encoding="utf-8")))

    def _evaluation(self, domain: Domain, checkpoint: Path | None, most: int) -> list[str]:
        limit = min(most, self._count(domain, self.config.test))
        words = [sys.executable, "-m", "dmn_ros.evaluate_worlds", str(self._worlds(domain) / "test")]
        words += ["--limit", str(limit), "--device", self.config.accelerator]
        if checkpoint is not None:
            words += ["--checkpoint", str(checkpoint)]
        if self.config.asked > 1:
            words += ["--evaluation.trajectories", str(self.config.asked)]
        return words

    def _checkpoint(self, domain: Domain, run: Run, seed: int) -> Path:
        stem = f"{domain}-{run.name.replace(', ', '-').replace(' ', '_')}-{self._steps(domain, run)}-{seed}"
        return self.config.work.resolve() / f"{stem}.safetensors"

    def _steps(self, domain: Domain, run: Run) -> int:
        return max(1, round(self._count(domain, self.config.steps) * run.longer))

    @staticmethod
    def _count(domain: Domain, counts: tuple[int, int, int]) -> int:
        return counts[get_args(Domain).index(domain)]

    def _worlds(self, domain: Domain, more: float = 1.0) -> Path:
        """Of a domain; those for rows that are trained with more of them are beside it."""
        name = domain if more == 1.0 else f"{domain}-{round(more * self._count(domain, self.config.train))}"
        return self.config.worlds.resolve() / name


def options(prefix: str, config: Any, default: Any) -> list[str]:
    """A dataclass's differences from another one of its kind, as options of a command line."""
    words: list[str] = []
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), field.name.replace("_", "-")
        if value == getattr(default, field.name):
            continue
        if dataclasses.is_dataclass(value):
            words += options(f"{prefix}.{name}", value, getattr(default, field.name))
        elif isinstance(value, bool):
            words.append(f"--{prefix}.{name}" if value else f"--{prefix}.no-{name}")
        else:
            words += [f"--{prefix}.{name}", str(value)]
    return words


def main() -> None:
    """Run, print, write."""
    config = tyro.cli(Config, description=__doc__)
    if config.quick:
        config = replace(
            config, domains=("rooms",), train=(200, 0, 0), test=(24, 0, 0), steps=(8, 0, 0), seeds=config.seeds[:1]
        )
        config = replace(config, rows=config.rows or QUICK, worlds=config.worlds.with_name("quick_worlds"))
        config = replace(config, work=config.work.with_name("quick_dmn_accuracy"))
    unknown = {*config.rows, *config.main} - {run.name for run in RUNS}
    if unknown:
        sys.exit(f"rows: {sorted(unknown)} are not among {[run.name for run in RUNS]}")
    results = Benchmark(config).results(chosen(config.rows))
    asked = f", each asked {config.asked} times" if config.asked > 1 else ""
    file = BenchmarkFile.of(
        __file__,
        title=f"DMN and what it is compared with: {', '.join(config.domains)}{asked}",
        tables=tables(results),
        notes=notes(results),
        runs=results,
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
