"""`vlocnet_train_schedule`: train VLocNet++ stage by stage, single tasks first, and go on where it was interrupted."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from lightning.pytorch.utilities import rank_zero_only

from localization_common.errors import ConfigError, LocalizationError
from localization_common.files.configuration import to_dict
from vlocnet_ros.commands.train import train
from vlocnet_ros.runtime.checkpoint import Checkpoint, load_vlocnet
from vlocnet_ros.training.checkpoint_card import write_card
from vlocnet_ros.training.config import TrainConfig, restricted_to_system
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.stages import SCHEDULE, PlannedStage, TrainingStage, changed, plan
from vlocnet_ros.training.trainer import run_directory, state_file

#: Options that do not say what is trained: a run may be resumed with others.
FREE = ("resume", "accelerator", "devices", "threads", "progress_bar", "runs")


@dataclass(frozen=True)
class ScheduleConfig:
    """Train VLocNet++ stage by stage: pose, and segmentation with depth, by themselves; then everything together from
    the best of them; then odometry on its own.

    Attributes:
        common: what all stages share. What a stage needs otherwise, such as its batch and learning rate, is its own.
        minutes: of training altogether; each stage has its share.
        steps: likewise in optimiser steps; whichever is over first.
        stages: only these, from the files of those before; by default all.
    """

    common: Annotated[TrainConfig, tyro.conf.arg(name="")]
    minutes: float | None = 60.0
    steps: int | None = None
    stages: tuple[str, ...] = ()


def main() -> None:
    """Entry point of `vlocnet_train_schedule`."""
    config = tyro.cli(ScheduleConfig, description=__doc__)
    try:
        run(config)
    except LocalizationError as error:
        sys.exit(f"vlocnet_train_schedule: {error}")


def run(config: ScheduleConfig, schedule: Sequence[TrainingStage] = SCHEDULE) -> Checkpoint | None:
    """Train every stage that is not finished, and put the last one's checkpoint where the output belongs.

    Files of stages lie in the run's directory: ``<runs>/<output's name>/<stage>.safetensors``.

    Returns:
        The last stage's checkpoint; None if it was not among those to train.

    Raises:
        ConfigError: a stage does not exist, starts from one that is not finished, or is resumed with other options.
    """
    unknown = set(config.stages) - {stage.name for stage in schedule}
    if unknown:
        raise ConfigError(f"stages: {', '.join(unknown)} are not among {', '.join(s.name for s in schedule)}")
    command = shlex.join(["vlocnet_train_schedule", *sys.argv[1:]])
    resume, directory = config.common.resume, run_directory(config.common)
    _remember(config, directory / "schedule.json")
    config = replace(config, common=restricted_to_system(config.common))
    data = TrainingData.read(config.common)
    planned = plan(schedule, config.common.tasks, data.trainable)
    trainings = [(p, _training(config, p, directory)) for p in planned]
    selected = [(p, t) for p, t in trainings if p.stage.name in config.stages or not config.stages]
    if not resume:
        _forget([training.output for _, training in selected])
    for part, training in selected:
        if resume and _finished(training):
            print(f"stage {part.stage.name}: finished before")
            continue
        missing = [name for name in part.start if not (directory / f"{name}.safetensors").is_file()]
        if missing:
            raise ConfigError(f"stage {part.stage.name} starts from {missing}, not trained yet in {directory}")
        print(f"stage {part.stage.name}: {100 * part.share:.0f} % of the time")
        about = {"command": command, "stage": part.stage.name, "changes": dict(part.stage.changes)}
        train(replace(training, resume=resume and state_file(training).is_file()), data, about=about)
    last = trainings[-1][1]
    return _publish(last.output, config.common.output) if last.output in [t.output for _, t in selected] else None


def _training(config: ScheduleConfig, part: PlannedStage, directory: Path) -> TrainConfig:
    """What one stage trains."""
    trains = part.share > 0.0
    minutes = config.minutes * part.share if trains and config.minutes is not None else None
    steps = max(1, round(config.steps * part.share)) if trains and config.steps is not None else None
    return changed(
        config.common,
        {
            **part.stage.changes,
            "tasks": part.tasks,
            "initial": tuple(directory / f"{name}.safetensors" for name in part.start) or config.common.initial,
            "output": directory / f"{part.stage.name}.safetensors",
            "runs": directory,
            "optimizer.minutes": minutes,
            "optimizer.steps": steps if trains else 0,
        },
    )


def _finished(training: TrainConfig) -> bool:
    # The card is written last.
    return training.output.is_file() and training.output.with_suffix(".md").is_file()


@rank_zero_only
def _forget(outputs: Sequence[Path]) -> None:
    """Remove what an earlier run of these stages has left, which would seem finished."""
    for output in outputs:
        for path in (output.with_suffix(".md"), output):
            path.unlink(missing_ok=True)


def _remember(config: ScheduleConfig, file: Path) -> None:
    """Note what is trained, or compare it with what was.

    Raises:
        ConfigError: resumed with other options.
    """
    options = json.loads(json.dumps(to_dict(replace(config, stages=())), default=str))
    for name in FREE:
        del options["common"][name]
    if not config.common.resume:
        if rank_zero_only.rank == 0:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(options, indent=1) + "\n", encoding="utf-8")
    elif not file.is_file():
        raise ConfigError(f"resume: {file} does not exist; there is no interrupted run of this output")
    elif (before := json.loads(file.read_text(encoding="utf-8"))) != options:
        was, now = {**before.pop("common"), **before}, {**options.pop("common"), **options}
        different = [f"{name} {was.get(name)} -> {now.get(name)}" for name in now if was.get(name) != now.get(name)]
        raise ConfigError(f"resume: not with other options ({'; '.join(different)}); start anew without it")


def _publish(stage: Path, output: Path) -> Checkpoint:
    """A copy of the last stage, with its card; whole at any moment."""
    written = load_vlocnet(stage)
    if rank_zero_only.rank == 0:
        output.parent.mkdir(parents=True, exist_ok=True)
        aside = output.with_name(f".{output.name}.part")
        shutil.copyfile(stage, aside)
        os.replace(aside, output)
        write_card(output, written.card)
    return written


if __name__ == "__main__":
    main()
