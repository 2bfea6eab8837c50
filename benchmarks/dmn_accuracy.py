"""Trains and scores the rows of the DMN paper's tables on worlds: ``python benchmarks/dmn_accuracy.py --help``.

Each run is ``dmn_train_worlds`` and ``dmn_evaluate_worlds`` in processes of their own. What a run gave is kept in the
work directory, so that an interrupted benchmark goes on where it stopped, also in the middle of a training. All systems
see the same number of batches of the same worlds, and are judged on the same trials.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import tyro

from deep_localization import kept_runs
from deep_localization.benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from dmn_ros.systems import SYSTEMS, SystemName
from dmn_ros.world_config import WorldTrainingConfig

REPOSITORY = Path(__file__).resolve().parents[1]
Domain = Literal["rooms", "mazes", "street"]
Numbers = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """Train and score all rows.

    Attributes:
        worlds: directory of worlds, generated there as far as they are missing.
        domains: which of them.
        train: worlds to train with, in each domain; mazes take thirty times the room of rooms.
        test: worlds to score on.
        varied: as many of them, at most, to vary contexts and particles on.
        steps: batches that each system is trained with at most.
        seeds: of the main rows; others are trained with the first.
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
    test: int = 1_000
    varied: int = 250
    steps: int = 20_000
    seeds: tuple[int, ...] = (0, 1, 2)
    rows: tuple[str, ...] = ()
    accelerator: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    jobs: int = 2
    work: Path = Path("build/dmn_accuracy")
    quick: bool = False
    json: Path | None = None


@dataclass(frozen=True)
class Run:
    """One training: a system, and the objective."""

    name: str
    system: SystemName
    training: WorldTrainingConfig = WorldTrainingConfig()  # noqa: RUF009 - frozen
    main: bool = False


DMN = "view_embedding"
#: Filters on maps of view embeddings: the paper's form and ours. Their evaluation is varied: contexts where worlds have
#: so many views, particles, with the first seed.
VARIED = (DMN, "matching", "projection")
RUNS = (
    *(Run(name, name, main=name in VARIED) for name in SYSTEMS),
    Run("view_embedding, paper's objective", "view_embedding", WorldTrainingConfig.paper()),
)
CONTEXTS: dict[Domain, tuple[int, ...]] = {
    "rooms": (1, 2, 3, 4, 5),
    "mazes": (1, 2, 4, 8, 16, 32),
    "street": (1, 2, 4, 8, 12),
}
PARTICLES = (32, 128, 512, 2048, 16384)
#: Tables 1 and 2 of the paper: sequential and one-step success, per cent, on its own data.
PAPER: dict[str, dict[Domain, tuple[float, float]]] = {
    "view_embedding": {"rooms": (95.6, 93.5), "mazes": (75.9, 27.0), "street": (73.2, 28.4)},
    "view_embedding_regression": {"rooms": (97.2, 60.5), "mazes": (39.9, 19.0), "street": (42.3, 13.4)},
    "latent_image": {"rooms": (94.0, 90.5), "mazes": (69.4, 21.1), "street": (37.8, 9.8)},
    "latent_image_regression": {"rooms": (9.6, 5.1), "mazes": (10.1, 5.5), "street": (11.1, 10.1)},
    "latent_vector": {"rooms": (92.9, 88.1), "mazes": (40.4, 13.2), "street": (15.8, 5.7)},
    "latent_vector_regression": {"rooms": (9.8, 5.6), "mazes": (16.8, 7.3), "street": (10.4, 7.1)},
    "closest_context": {"rooms": (11.0, 11.4), "mazes": (39.3, 34.5), "street": (8.6, 8.7)},
    "uninformed": {"rooms": (1.7, 2.9), "mazes": (3.3, 3.7), "street": (2.7, 7.1)},
}
#: Sequential and one-step success to reach, per cent.
MARKS: dict[Domain, tuple[float, float]] = {"rooms": (95.0, 93.0), "mazes": (75.0, 27.0), "street": (73.0, 28.0)}
BASELINES = ("closest_context", "uninformed")


class Benchmark:
    """Runs, several at a time."""

    def __init__(self, config: Config) -> None:
        self.config = config
        config.work.mkdir(parents=True, exist_ok=True)

    def results(self, runs: tuple[Run, ...]) -> dict[str, dict[str, list[Numbers]]]:
        """For each domain: what `dmn_evaluate_worlds` wrote for each row and seed; untrained rows have one."""
        for domain in self.config.domains:
            self._generate(domain)
        with ThreadPoolExecutor(self.config.jobs) as pool:
            futures = {
                (domain, run.name, seed): pool.submit(self._perform, domain, run, seed)
                for domain in self.config.domains
                for run in runs
                for seed in (self.config.seeds if run.main else self.config.seeds[:1])
            }
            found: dict[str, dict[str, list[Numbers]]] = {}
            for domain in self.config.domains:
                file = self.config.work / f"{domain}-untrained.json"
                untrained = self._evaluate(domain, None, file, self.config.test)
                found[domain] = {name: [untrained[name]] for name in BASELINES}
            for (domain, name, _), future in futures.items():
                found[domain].setdefault(name, []).append(future.result())
        return found

    def _generate(self, domain: Domain) -> None:
        """Worlds that are not there yet; one process at a time, which uses all cores."""
        count = dict(zip(("rooms", "mazes", "street"), self.config.train, strict=True))[domain]
        few = ["--validation", str(max(8, self.config.test // 4)), "--test", str(self.config.test)]
        command = [sys.executable, "-m", "localization_sim.worlds.generate", domain, "--train", str(count), *few]
        command += ["--output", str(self._worlds(domain))]
        kept_runs.run(command, self.config.work / f"{domain}-worlds.log", REPOSITORY)

    def _perform(self, domain: Domain, run: Run, seed: int) -> Numbers:
        stem = f"{domain}-{run.name.replace(', ', '-').replace(' ', '_')}-{self.config.steps}-{seed}"
        file = self.config.work.resolve() / f"{stem}.safetensors"
        result, command = file.with_suffix(".json"), self._training(domain, run, seed, file)
        told = kept_runs.told(command, REPOSITORY)
        kept = kept_runs.kept(result, told)
        if kept is not None:
            return kept
        kept_runs.run(command, file.with_suffix(".log"), REPOSITORY)
        values = self._evaluate(domain, file, result.with_suffix(".part"), self.config.test)
        if run.name in VARIED and seed == self.config.seeds[0]:
            contexts, particles = CONTEXTS[domain], PARTICLES[:2] if self.config.quick else PARTICLES
            words = ["--vary-contexts", *map(str, contexts), "--vary-particles", *map(str, particles)]
            few = self._evaluate(domain, file, result.with_suffix(".varied"), self.config.varied, *words)
            values |= {"contexts": few["contexts"], "particles": few["particles"]}
        values = kept_runs.keep(result, told, values)
        print(f"{stem}: {values['sequential']['mean']['success']:.3f} sequential", flush=True)
        return values

    def _training(self, domain: Domain, run: Run, seed: int, file: Path) -> list[str]:
        worlds, training = self._worlds(domain), replace(run.training, steps=self.config.steps, seed=seed)
        if self.config.quick:
            training = replace(training, worlds=4, evaluate_every=4)
        words = [sys.executable, "-m", "dmn_ros.train_worlds", str(worlds / "train")]
        words += ["--validation", str(worlds / "validation"), "--system", run.system, "--output", str(file)]
        words += ["--logs", str(file.with_suffix("")), "--resume", "--accelerator", self.config.accelerator]
        words += ["--precision", self.config.precision]
        return [*words, "--no-progress", *options("training", training, WorldTrainingConfig())]

    def _evaluate(self, domain: Domain, checkpoint: Path | None, output: Path, limit: int, *more: str) -> Numbers:
        words = [sys.executable, "-m", "dmn_ros.evaluate_worlds", str(self._worlds(domain) / "test")]
        words += ["--output", str(output), "--limit", str(limit), "--device", self.config.accelerator, *more]
        if checkpoint is not None:
            words += ["--checkpoint", str(checkpoint)]
        kept_runs.run(words, output.with_suffix(".evaluation.log"), REPOSITORY)
        found: Numbers = json.loads(output.read_text(encoding="utf-8"))
        return found

    def _worlds(self, domain: Domain) -> Path:
        return self.config.worlds.resolve() / domain


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


GLOBAL = (
    Column("row"),
    Column("sequential, mean", "{:.1f} ± {:.1f} %"),
    Column("sequential, most likely", "{:.1f} %"),
    Column("one-step, mean", "{:.1f} ± {:.1f} %"),
    Column("one-step, most likely", "{:.1f} %"),
    Column("paper, sequential", "{:.1f} %"),
    Column("paper, one-step", "{:.1f} %"),
    Column("parameters", "{:,d}"),
    Column("seeds", "{:d}"),
)
VARIATION = (
    Column("domain"),
    Column("row"),
    Column("varied"),
    Column("value", "{:d}"),
    Column("sequential", "{:.1f} %"),
    Column("one-step", "{:.1f} %"),
)


def tables(results: dict[str, dict[str, list[Numbers]]]) -> list[Table]:
    """Tables 1 and 2 of the paper by domain, tracking, and what was varied at evaluation."""
    found = []
    for domain, of in results.items():
        number = 2 if domain == "street" else 1
        title = f"Global localization, {domain} (table {number} of the paper)"
        found.append(Table(title, GLOBAL, [_global_row(name, domain, runs) for name, runs in of.items()]))
    columns = [Column("row"), *(Column(f"{domain}, mean squared error", "{:.4f}") for domain in results)]
    columns += [Column(f"{domain}, most likely", "{:.4f}") for domain in results]
    names = next(iter(results.values()))
    found.append(
        Table("Tracking, square units after the last image", columns, [_tracking_row(n, results) for n in names])
    )
    variations = [row for domain, of in results.items() for name in VARIED for row in _varied(domain, name, of)]
    if variations:
        found.append(Table("Varied at evaluation (mean estimate)", VARIATION, variations))
    return found


def _values(runs: list[Numbers], setting: str, estimate: str, key: str, factor: float = 1.0) -> list[float]:
    return [factor * run[setting][estimate][key] for run in runs if estimate in run[setting]]


def _global_row(name: str, domain: str, runs: list[Numbers]) -> list[Cell]:
    row: list[Cell] = [name]
    for setting in ("sequential", "one_step"):
        means = _values(runs, setting, "mean", "success", 100.0)
        best = _values(runs, setting, "most_likely", "success", 100.0)
        row += [[mean(means), stdev(means) if len(means) > 1 else 0.0], mean(best) if best else None]
    paper = PAPER.get(name, {}).get(domain, (None, None))  # type: ignore[call-overload]
    return [*row, *paper, runs[0].get("parameters"), len(runs)]


def _tracking_row(name: str, results: dict[str, dict[str, list[Numbers]]]) -> list[Cell]:
    row: list[Cell] = [name]
    for estimate in ("mean", "most_likely"):
        for rows in results.values():
            found = _values(rows[name], "tracking", estimate, "mse")
            row.append(mean(found) if found else None)
    return row


def _varied(domain: str, name: str, rows: dict[str, list[Numbers]]) -> list[list[Cell]]:
    runs, found = rows.get(name, []), list[list[Cell]]()
    if not runs:
        return found
    for varied in ("contexts", "particles"):
        for value, part in runs[0][varied].items():
            both = [100.0 * part[setting]["mean"]["success"] for setting in ("sequential", "one_step")]
            found.append([domain, name, varied, int(value), *both])
    for index, _ in enumerate(runs[0]["sequential"]["mean"]["success_by_image"]):
        shares = [100.0 * run["sequential"]["mean"]["success_by_image"][index] for run in runs]
        found.append([domain, name, "images", index + 1, mean(shares), None])
    return found


def notes(results: dict[str, dict[str, list[Numbers]]]) -> dict[str, str]:
    """Whether a particle filter on view embeddings is ahead of every baseline, and at the marks, domain by domain."""
    told = {}
    for domain, rows in results.items():
        scores = {name: mean(_values(runs, "sequential", "mean", "success", 100.0)) for name, runs in rows.items()}
        ours = {name: scores[name] for name in VARIED if name in scores}
        others = {name: scores[name] for name in PAPER if name in scores and name != DMN}
        if ours and others:
            best, rival = max(ours, key=lambda name: ours[name]), max(others, key=lambda name: others[name])
            verdict = "ahead of every baseline" if ours[best] > others[rival] else "**not ahead**"
            told[domain] = f"{best} {ours[best]:.1f} %, {rival} {others[rival]:.1f} %: {verdict} (sequential)"
            reached = ours[best], mean(_values(rows[best], "one_step", "mean", "success", 100.0))
            for setting, value, mark in zip(("sequential", "one-step"), reached, MARKS[domain], strict=True):  # type: ignore[index]
                told[f"{domain}, {setting}, at least {mark:.0f} %"] = f"{best} {value:.1f} %: {judged(value >= mark)}"
    return told


def main() -> None:
    """Run, print, write."""
    config = tyro.cli(Config, description=__doc__)
    if config.quick:
        config = replace(config, domains=("rooms",), train=(200, 0, 0), test=24, steps=8, seeds=config.seeds[:1])
        config = replace(config, worlds=config.worlds.with_name("quick_worlds"))
        config = replace(config, work=config.work.with_name("quick_dmn_accuracy"))
    unknown = set(config.rows) - {run.name for run in RUNS}
    if unknown:
        sys.exit(f"rows: {sorted(unknown)} are not among {[run.name for run in RUNS]}")
    runs = tuple(run for run in RUNS if not config.rows or run.name in config.rows)
    results = Benchmark(config).results(runs)
    file = BenchmarkFile.of(
        __file__,
        title="DMN and what it is compared with",
        tables=tables(results),
        notes=notes(results),
        runs=results,
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
