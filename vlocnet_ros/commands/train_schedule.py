"""`vlocnet_train_schedule`: train VLocNet++ in stages, single tasks first, and resume interrupted trainings."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro
from lightning.pytorch.utilities import rank_zero_only

from localization_common.command_line import command, options_of
from localization_common.errors import ConfigError
from localization_common.files.atomic_write import write_whole
from localization_common.files.configuration import to_dict
from localization_common.files.outputs import require_writable_file
from localization_common.place import Place
from localization_common.place.choice import open_if_given
from vlocnet_ros.commands.place_network import require_comparable, writing_if_better
from vlocnet_ros.commands.train import train
from vlocnet_ros.commands.train_coordinates import train_on_cells
from vlocnet_ros.network.systems import SYSTEMS
from vlocnet_ros.runtime.checkpoint import Checkpoint, load_vlocnet
from vlocnet_ros.training.checkpoint_card import write_card
from vlocnet_ros.training.config import TrainConfig, restricted_to_system
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.outcome import TrainingOutcome
from vlocnet_ros.training.place_config import PlaceTrainConfig, with_general_network
from vlocnet_ros.training.stages import SCHEDULE, PlannedStage, TrainingStage, changed, place_schedule, plan
from vlocnet_ros.training.trainer import process_rank, run_directory, state_file

#: Options that may differ when a run is resumed: they do not change the training.
FREE = ("resume", "accelerator", "devices", "threads", "progress_bar", "runs")


@dataclass(frozen=True)
class ScheduleConfig:
    """Train VLocNet++ in stages. A network of a place starts from the shipped general one, which adapts to the place;
    then scene coordinates are trained, in small places at last all streams together.

    Attributes:
        common: options that all stages share. A stage replaces some, such as batch and learning rate.
        minutes: length of all stages together; each stage has its share.
        steps: length of all stages together in optimiser steps; a stage ends at the first of both limits.
        stages: stages to train, from the files of earlier ones; all by default.
    """

    common: Annotated[PlaceTrainConfig, tyro.conf.arg(name="")]
    minutes: float | None = 40.0
    steps: int | None = None
    stages: tuple[str, ...] = ()


def main() -> None:
    """Entry point of `vlocnet_train_schedule`."""
    with command("vlocnet_train_schedule"):
        run(options_of(ScheduleConfig, __doc__))


def run(config: ScheduleConfig, schedule: Sequence[TrainingStage] | None = None) -> Checkpoint | None:
    """Train every stage that is not finished, and copy the last one's checkpoint to the output.

    The network of a place is replaced only by a better one, see `place_network`.

    Without a schedule, systems with scene coordinates take that of `place_schedule`, the others `SCHEDULE`.

    Files of stages are in the run's directory: ``<runs>/<output's name>/<stage>.safetensors``.

    Returns:
        The last stage's checkpoint; None if it was not selected.

    Raises:
        ConfigError: a stage does not exist, starts from one that is not finished, or is resumed with other options.
        MapError: the place cannot be read, or was built anew during the training.
    """
    config = replace(config, common=with_general_network(config.common))
    command = shlex.join(["vlocnet_train_schedule", *sys.argv[1:]])
    resume, directory = config.common.resume, run_directory(config.common)
    place = open_if_given(config.common.recording.place)
    require_writable_file(config.common.output)
    _check_options(config, place, directory / "schedule.json")
    config = replace(config, common=restricted_to_system(config.common))
    data = TrainingData.read(config.common)
    require_comparable(config.common.output, place, data.held_out)
    if schedule is None:
        solved = SYSTEMS[config.common.system].tasks.coordinates
        schedule = place_schedule(len(data.frames)) if solved else SCHEDULE
    unknown = set(config.stages) - {stage.name for stage in schedule}
    if unknown:
        raise ConfigError(f"stages: {', '.join(unknown)} are not among {', '.join(s.name for s in schedule)}")
    planned = plan(schedule, config.common.tasks, data.trainable)
    trainings = [(p, _training(config, p, directory)) for p in planned]
    selected = [(p, t) for p, t in trainings if p.stage.name in config.stages or not config.stages]
    if not resume:
        _remove([_file(directory, part.stage.name) for part, _ in selected])
    for part, training in selected:
        if resume and _finished(_file(directory, part.stage.name)):
            print(f"stage {part.stage.name}: finished before")
            continue
        missing = [name for name in part.start if not _file(directory, name).is_file()]
        if missing:
            raise ConfigError(f"stage {part.stage.name} starts from {missing}, not trained yet in {directory}")
        print(f"stage {part.stage.name}: {100 * part.share:.0f} % of the time")
        about = {"command": command, "stage": part.stage.name, "changes": dict(part.stage.changes)}
        if part.stage.on_cells:
            train_on_cells(training, data, about=about)
        else:
            train(replace(training, resume=resume and state_file(training).is_file()), data, about=about)
    print(_report([(part.stage.name, _file(directory, part.stage.name)) for part, _ in selected]))
    last = trainings[-1]
    return _publish(_file(directory, last[0].stage.name), config.common, place, data) if last in selected else None


def _training(config: ScheduleConfig, part: PlannedStage, directory: Path) -> TrainConfig:
    """Return the options of one stage's training."""
    trains = part.share > 0.0
    minutes = config.minutes * part.share if trains and config.minutes is not None else None
    steps = max(1, round(config.steps * part.share)) if trains and config.steps is not None else None
    return changed(
        config.common,
        {
            **part.stage.changes,
            "tasks": part.tasks,
            "initial": (*(config.common.initial if part.new else ()), *(_file(directory, n) for n in part.start)),
            "output": _file(directory, part.stage.name),
            "runs": directory,
            "optimizer.minutes": minutes,
            "optimizer.steps": steps if trains else 0,
        },
    )


def _file(directory: Path, stage: str) -> Path:
    """Return the path of a stage's checkpoint in the run's directory."""
    return directory / f"{stage}.safetensors"


def _report(stages: Sequence[tuple[str, Path]]) -> str:
    """Format each stage's outcome: the weights that were kept, and errors before and after it."""
    lines = ["stages, with errors on the validation frames before -> after:"]
    for name, file in stages:
        card = load_vlocnet(file).card
        if "outcome" in card:
            first, *tasks = TrainingOutcome.from_card(card["outcome"]).lines()
            lines += [f"{name}: {first}", *tasks]
    return "\n".join(lines)


def _finished(output: Path) -> bool:
    # The card is written last.
    return output.is_file() and output.with_suffix(".md").is_file()


@rank_zero_only
def _remove(outputs: Sequence[Path]) -> None:
    """Remove the files of an earlier run of these stages, which mark a stage as finished."""
    for output in outputs:
        for path in (output.with_suffix(".md"), output):
            path.unlink(missing_ok=True)


def _check_options(config: ScheduleConfig, place: Place | None, file: Path) -> None:
    """Write the options of a new run to a file; compare those of a resumed run with the file.

    Raises:
        ConfigError: the run to resume does not exist or has other options.
    """
    options = json.loads(json.dumps(to_dict(replace(config, stages=())), default=str))
    for name in FREE:
        del options["common"][name]
    if place is not None:
        options["map_id"] = place.description.map_id
    if not config.common.resume:
        if process_rank() == 0:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(options, indent=1) + "\n", encoding="utf-8")
    elif not file.is_file():
        raise ConfigError(f"resume: {file} does not exist; there is no interrupted run of this output")
    elif (before := json.loads(file.read_text(encoding="utf-8"))) != options:
        was, now = {**before.pop("common"), **before}, {**options.pop("common"), **options}
        different = [f"{name} {was.get(name)} -> {now.get(name)}" for name in now if was.get(name) != now.get(name)]
        raise ConfigError(f"resume: not with other options ({'; '.join(different)}); start anew without it")


def _publish(stage: Path, config: TrainConfig, place: Place | None, data: TrainingData) -> Checkpoint:
    """Copy the last stage's checkpoint to the output, with its card; the file is complete at any time.

    The place's network stays if it is better.
    """
    written = load_vlocnet(stage)
    if process_rank() == 0:
        numbers, gap = written.card["numbers"], config.max_frame_gap
        with writing_if_better(
            config.output, place, numbers, data.held_out, max_frame_gap=gap, otherwise=stage
        ) as file:
            if file != stage:
                write_whole(file, stage.read_bytes())
                write_card(file, written.card)
    return written


if __name__ == "__main__":
    main()
