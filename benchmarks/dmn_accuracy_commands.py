"""Commands of the benchmark of the DMN paper's systems: generate worlds, train a row, score it."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from dmn_accuracy_config import DmnAccuracyConfig
from dmn_accuracy_rows import RUNS, DmnRun
from dmn_accuracy_tables import DomainName
from dmn_ros.worlds.world_config import WorldEvaluationConfig, WorldTrainingConfig


@dataclass(frozen=True)
class DmnCommands:
    """Commands of a configuration, and the paths of their output."""

    config: DmnAccuracyConfig

    def generation(self, domain: DomainName, more: float) -> list[str]:
        """Command that generates missing worlds; test worlds do not depend on the number of training worlds."""
        count, test = round(more * of(domain, self.config.train)), of(domain, self.config.test)
        validation, test = (max(8, test // 4), test) if more == 1.0 else (0, 0)
        words = [sys.executable, "-m", "localization_sim.commands.generate_worlds", domain, "--train", str(count)]
        words += ["--validation", str(validation), "--test", str(test)]
        return [*words, "--output", str(self.worlds(domain, more))]

    def training(self, domain: DomainName, run: DmnRun, seed: int) -> list[str]:
        """Command that trains a row, or continues an interrupted training."""
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

    def evaluation(self, domain: DomainName, checkpoint: Path | None, most: int = sys.maxsize) -> list[str]:
        """Command that scores a checkpoint, or the untrained rows, on at most ``most`` test worlds."""
        words = [sys.executable, "-m", "dmn_ros.commands.evaluate_worlds", str(self.worlds(domain) / "test")]
        words += ["--limit", str(min(most, of(domain, self.config.test))), "--device", self.config.accelerator]
        if checkpoint is not None:
            words += ["--checkpoint", str(checkpoint)]
        evaluation = WorldEvaluationConfig(trajectories=self.config.asked)
        return [*words, *options("evaluation", evaluation, WorldEvaluationConfig())]

    def worlds(self, domain: DomainName, more: float = 1.0) -> Path:
        """Folder of the worlds of a domain; a larger number of worlds has another folder."""
        name = domain if more == 1.0 else f"{domain}-{round(more * of(domain, self.config.train))}"
        return self.config.worlds.resolve() / name

    def validation(self, domain: DomainName) -> Path:
        """Folder of the validation worlds, which select weights and the power of likelihoods."""
        return self.worlds(domain) / "validation"

    def checkpoint(self, domain: DomainName, run: DmnRun, seed: int) -> Path:
        """File of the weights of a row."""
        stem = f"{domain}-{run.name.replace(', ', '-').replace(' ', '_')}-{self._steps(domain, run)}-{seed}"
        return self.config.work.resolve() / f"{stem}.safetensors"

    def _steps(self, domain: DomainName, run: DmnRun) -> int:
        return max(1, round(of(domain, self.config.steps) * run.longer))


def of(domain: DomainName, counts: tuple[int, int, int]) -> int:
    """Select the count of a domain."""
    return counts[get_args(DomainName).index(domain)]


def options(prefix: str, config: Any, default: Any) -> list[str]:
    """Options of a command line for the differences of a dataclass from its defaults."""
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
