"""Commands that make the worlds, train a row of the benchmark of the DMN paper's systems, and score it."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from dmn_accuracy_config import Config
from dmn_accuracy_rows import RUNS, Run
from dmn_accuracy_tables import Domain
from dmn_ros.worlds.world_config import WorldEvaluationConfig, WorldTrainingConfig


@dataclass(frozen=True)
class Commands:
    """Of a configuration; and where they leave what they make."""

    config: Config

    def generation(self, domain: Domain, more: float) -> list[str]:
        """Makes worlds that are not there yet; all rows are judged by the same, however many they are trained with."""
        count, test = round(more * of(domain, self.config.train)), of(domain, self.config.test)
        validation, test = (max(8, test // 4), test) if more == 1.0 else (0, 0)
        words = [sys.executable, "-m", "localization_sim.commands.generate_worlds", domain, "--train", str(count)]
        words += ["--validation", str(validation), "--test", str(test)]
        return [*words, "--output", str(self.worlds(domain, more))]

    def training(self, domain: Domain, run: Run, seed: int) -> list[str]:
        """Trains a row, or goes on where it was interrupted."""
        file, training = self.checkpoint(domain, run, seed), run.trainings[domain]
        training = replace(training, steps=self._steps(domain, run), seed=seed)
        if self.config.quick:
            training = replace(training, worlds=4, evaluate_every=4)
        words = [
            sys.executable,
            "-m",
            "dmn_ros.commands.train_worlds",
            str(self.worlds(domain, run.more_worlds) / "train"),
        ]
        words += ["--validation", str(self.validation(domain)), "--system", run.system, "--output", str(file)]
        words += ["--logs", str(file.with_suffix("")), "--resume", "--accelerator", self.config.accelerator]
        words += ["--precision", self.config.precision]
        if run.initial is not None:
            initial = next(r for r in RUNS if r.name == run.initial)
            words += ["--initial", str(self.checkpoint(domain, initial, seed))]
        return [*words, "--no-progress", *options("training", training, WorldTrainingConfig())]

    def evaluation(self, domain: Domain, checkpoint: Path | None, most: int = sys.maxsize) -> list[str]:
        """Scores a checkpoint, or what needs none, on so many test worlds at most."""
        words = [sys.executable, "-m", "dmn_ros.commands.evaluate_worlds", str(self.worlds(domain) / "test")]
        words += ["--limit", str(min(most, of(domain, self.config.test))), "--device", self.config.accelerator]
        if checkpoint is not None:
            words += ["--checkpoint", str(checkpoint)]
        asked = WorldEvaluationConfig(trajectories=self.config.asked)
        return [*words, *options("evaluation", asked, WorldEvaluationConfig())]

    def worlds(self, domain: Domain, more: float = 1.0) -> Path:
        """Of a domain; those for rows that are trained with more of them are beside it."""
        name = domain if more == 1.0 else f"{domain}-{round(more * of(domain, self.config.train))}"
        return self.config.worlds.resolve() / name

    def validation(self, domain: Domain) -> Path:
        """Worlds that choose weights and the power of likelihoods."""
        return self.worlds(domain) / "validation"

    def checkpoint(self, domain: Domain, run: Run, seed: int) -> Path:
        """Weights of a row."""
        stem = f"{domain}-{run.name.replace(', ', '-').replace(' ', '_')}-{self._steps(domain, run)}-{seed}"
        return self.config.work.resolve() / f"{stem}.safetensors"

    def _steps(self, domain: Domain, run: Run) -> int:
        return max(1, round(of(domain, self.config.steps) * run.longer))


def of(domain: Domain, counts: tuple[int, int, int]) -> int:
    """That of a domain."""
    return counts[get_args(Domain).index(domain)]


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
