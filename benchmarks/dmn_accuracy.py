"""Train and score the rows of the DMN paper's tables on worlds: ``python benchmarks/dmn_accuracy.py --help``.

Each run is ``dmn_train_worlds`` and ``dmn_evaluate_worlds`` in their own processes. The results of a run are stored in
the work directory, so that an interrupted benchmark continues, also in the middle of a training. All rows are trained
with the same number of batches of the same worlds, except for those whose name has more, and are scored on the same
trials.
"""

from __future__ import annotations

import glob
import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import tyro

import kept_runs
from benchmark_file import BenchmarkFile
from dmn_accuracy_commands import DmnCommands
from dmn_accuracy_config import DmnAccuracyConfig
from dmn_accuracy_rows import RUNS, DmnRun, chosen, renamed
from dmn_accuracy_tables import BASELINES, DomainName, Numbers, notes, tables

REPOSITORY = Path(__file__).resolve().parents[1]
CONTEXTS: dict[DomainName, tuple[int, ...]] = {
    "rooms": (1, 2, 3, 4, 5),
    "mazes": (1, 2, 4, 8, 16, 32),
    "street": (1, 2, 4, 8, 12),
}
PARTICLES = (32, 128, 512, 2048, 16384)


class DmnAccuracyBenchmark:
    """Training and scoring of all rows, several at a time."""

    def __init__(self, config: DmnAccuracyConfig) -> None:
        self.config, self.commands = config, DmnCommands(config)
        config.work.mkdir(parents=True, exist_ok=True)

    def results(self, runs: tuple[DmnRun, ...]) -> dict[str, dict[str, list[Numbers]]]:
        """Results of `dmn_evaluate_worlds` by domain and row, one for each seed; untrained rows have one."""
        for domain in self.config.domains:
            for more in sorted({1.0, *(run.more_worlds for run in runs)}):  # sequential: each uses all cores
                log = self.config.work / f"{self.commands.worlds(domain, more).name}-worlds.log"
                kept_runs.run(self.commands.generation(domain, more), log, REPOSITORY)
        with ThreadPoolExecutor(self.config.jobs) as pool:
            futures: dict[tuple[DomainName, str, int], Future[Numbers]] = {}
            for domain in self.config.domains:
                for run in runs:
                    for seed in self.seeds(run):
                        needed = None if run.initial is None else futures[domain, run.initial, seed]
                        futures[domain, run.name, seed] = pool.submit(self._perform, domain, run, seed, needed)
            found: dict[str, dict[str, list[Numbers]]] = {}
            for domain in self.config.domains:
                untrained = self._evaluate(domain, None, self.config.work / f"{domain}-untrained.json")
                found[domain] = {name: [untrained[name]] for name in BASELINES}
            for (domain, name, _), future in futures.items():
                found[domain].setdefault(name, []).append(future.result())
        return found

    def seeds(self, run: DmnRun) -> tuple[int, ...]:
        """Seeds of the trainings of a row."""
        return self.config.seeds if run in chosen(self.config.main) else self.config.seeds[:1]

    def _perform(self, domain: DomainName, run: DmnRun, seed: int, needed: Future[Numbers] | None) -> Numbers:
        """Train and score a row, after the row that it starts from, which was submitted before."""
        if needed is not None:
            needed.result()
        self._train(domain, run, seed)
        file = self.commands.checkpoint(domain, run, seed)
        fit = ("--fit-on", str(self.commands.validation(domain)))
        values = self._evaluate(domain, file, file.with_suffix(".json"), *fit)
        if run.filters_views and seed == self.config.seeds[0] and self.config.varied:
            values |= self._vary(domain, file, values["evaluation"]["likelihood_exponent"])
        print(f"{file.stem}: {values['sequential']['mean']['success']:.3f} sequential", flush=True)
        return values

    def _train(self, domain: DomainName, run: DmnRun, seed: int) -> None:
        file, command = self.commands.checkpoint(domain, run, seed), self.commands.training(domain, run, seed)
        trained, key = file.with_suffix(".trained"), kept_runs.portable(command, REPOSITORY)
        if kept_runs.stored(trained, key) is not None:
            return
        kept_runs.run(command, file.with_suffix(".log"), REPOSITORY)
        forget_scores(file)
        kept_runs.store(trained, key, {})

    def _vary(self, domain: DomainName, file: Path, exponents: list[float]) -> Numbers:
        """Score a checkpoint with other numbers of contexts and of particles."""
        contexts, particles = CONTEXTS[domain], PARTICLES[:2] if self.config.quick else PARTICLES
        words = ["--vary-contexts", *map(str, contexts), "--vary-particles", *map(str, particles)]
        words += ["--evaluation.likelihood-exponent", *map(str, exponents)]
        found = self._evaluate(domain, file, file.with_suffix(".varied"), *words, most=self.config.varied)
        return {"contexts": found["contexts"], "particles": found["particles"]}

    def _evaluate(
        self, domain: DomainName, checkpoint: Path | None, output: Path, *more: str, most: int = sys.maxsize
    ) -> Numbers:
        words = [*self.commands.evaluation(domain, checkpoint, most), *more]
        if self.config.asked > 1:
            output = output.with_suffix(f".asked{self.config.asked}{output.suffix}")
        key = kept_runs.portable(words, REPOSITORY)
        stored = kept_runs.stored(output, key)
        if stored is not None:
            return stored
        part = output.with_name(f"{output.name}.part")
        kept_runs.run([*words, "--output", str(part)], output.with_suffix(".evaluation.log"), REPOSITORY)
        return kept_runs.store(output, key, json.loads(part.read_text(encoding="utf-8")))


def forget_scores(checkpoint: Path) -> None:
    """Delete the scores of previous weights, for every number of trials."""
    for scores in checkpoint.parent.glob(f"{glob.escape(checkpoint.stem)}.*"):
        if scores.suffix in (".json", ".varied"):
            scores.unlink()


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(DmnAccuracyConfig, description=__doc__)
    if config.quick:
        config = config.quickly()
    config = replace(config, rows=renamed(config.rows), main=renamed(config.main))
    unknown = {*config.rows, *config.main} - {run.name for run in RUNS}
    if unknown:
        sys.exit(f"rows: {sorted(unknown)} are not among {[run.name for run in RUNS]}")
    results = DmnAccuracyBenchmark(config).results(chosen(config.rows))
    trials = f", {config.asked} trials in each world" if config.asked > 1 else ""
    ours = {run.name for run in RUNS if run.filters_views}
    file = BenchmarkFile.of(
        __file__,
        title=f"DMN beside other systems: {', '.join(config.domains)}{trials}",
        tables=tables(results, ours),
        notes=notes(results, ours),
        runs=results,
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
