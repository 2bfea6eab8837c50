"""Training schedules: single tasks first, then all streams from the best of them, then odometry only.

A schedule is a table of stages. Each is one training, with its changes of the options that all stages share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from localization_common.errors import ConfigError
from vlocnet_ros.config import Tasks

T = TypeVar("T")
STREAMS = tuple(f.name for f in dataclasses.fields(Tasks))


@dataclass(frozen=True)
class TrainingStage:
    """Training of a schedule.

    Attributes:
        name: name of the stage and of its files.
        share: share of the time, relative to the other stages; 0 only combines streams.
        streams: streams that are trained; the stage is left out if the data has ground truth for none of them.
        start: stages from which it starts; a stage that is left out is replaced by the stages from which it starts.
        on_cells: whether it trains scene coordinates only, on the features of single cells (`training.cell_buffer`).
        changes: options that differ from the common ones, by their names on the command line of `vlocnet_train`.
    """

    name: str
    share: float
    streams: tuple[str, ...] = STREAMS
    start: tuple[str, ...] = ()
    on_cells: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)


#: Odometry is trained last, in the true direction of time and with a frozen trunk, so that the poses do not change. A
#: third of its pairs are frames paired with themselves, so that its batches have other statistics than the drive: the
#: layers keep those they have.
_ODOMETRY: Mapping[str, Any] = {
    "batch": 30,
    "clip": 3,
    "freeze": ("trunk",),
    "keep_statistics": True,
    "optimizer.taken_rate": 1.0,
    "optimizer.learning_rate": 1.2e-3,
    "augmentation.viewpoint": 0.4,
    "augmentation.relative": 0.1,
    "augmentation.alone": 0.0,
}
_POSE: Mapping[str, Any] = {"batch": 32, "optimizer.learning_rate": 1.5e-3}
_SCENE: Mapping[str, Any] = {"batch": 16, "optimizer.learning_rate": 2e-3}
_TOGETHER: Mapping[str, Any] = {"batch": 30, "clip": 3}
#: Most batches are single images, for the scene coordinates; the others keep the streams that use pairs.
_WHOLE: Mapping[str, Any] = {
    "batch": 30,
    "clip": 3,
    "keep_statistics": True,
    "mixture.pose": 3,
    "mixture.pairs": 0,
    "mixture.all": 1,
    "optimizer.taken_rate": 1.0,
    "optimizer.learning_rate": 5e-4,
}

#: Schedule of the paper's systems; results are in docs/experiments/vlocnet_accuracy.md.
SCHEDULE = (
    TrainingStage("pose", 0.4, ("pose",), changes=_POSE),
    TrainingStage("scene", 0.15, ("segmentation", "depth"), changes=_SCENE),
    TrainingStage(
        "joint",
        0.35,
        start=("pose", "scene"),
        changes={
            "batch": 24,
            "mixture.pose": 1,
            "mixture.pairs": 3,
            "mixture.all": 1,
            "optimizer.learning_rate": 1.2e-3,
        },
    ),
    TrainingStage("odometry", 0.1, ("odometry",), start=("joint",), changes=_ODOMETRY),
    TrainingStage("together", 0.0, start=("joint", "odometry"), changes=_TOGETHER),
)

_ADAPT: Mapping[str, Any] = {
    **_ODOMETRY,
    "freeze": (),
    "optimizer.taken_rate": 0.3,
    "mixture.pairs": 1,
    "mixture.all": 1,
}

#: Schedule of systems with scene coordinates, which start from a general network: its streams adapt together to the
#: camera and the place, since labels use the motion. Then scene coordinates are trained on features that stay.
PLACE_SCHEDULE = (
    TrainingStage("adapt", 0.3, ("odometry", "segmentation", "depth"), changes=_ADAPT),
    TrainingStage("coordinates", 0.7, start=("adapt",), on_cells=True, changes=_TOGETHER),
)
#: The same for few images: scene coordinates are also trained with the features, which become those of the place.
SMALL_PLACE_SCHEDULE = (
    TrainingStage("adapt", 0.15, ("odometry", "segmentation", "depth"), changes=_ADAPT),
    TrainingStage("coordinates", 0.2, start=("adapt",), on_cells=True, changes=_TOGETHER),
    TrainingStage("together", 0.65, start=("coordinates",), changes=_WHOLE),
)
#: Largest number of images of a small place: 40 minutes on one core show each of them to the network about forty times.
#: With 600, this halves the errors; with 4,400, after 16 minutes, they were still larger than before.
_FEW_IMAGES = 1000


def place_schedule(images: int) -> tuple[TrainingStage, ...]:
    """Return the schedule for a number of training images."""
    return SMALL_PLACE_SCHEDULE if images <= _FEW_IMAGES else PLACE_SCHEDULE


@dataclass(frozen=True)
class PlannedStage:
    """Stage for given data.

    Attributes:
        stage: stage.
        tasks: its streams.
        share: its share of the time, 0..1.
        start: stages from which it starts.
        new: whether it has streams that none of these has.
    """

    stage: TrainingStage
    tasks: Tasks
    share: float
    start: tuple[str, ...]
    new: bool


def plan(
    schedule: Sequence[TrainingStage], wanted: Tasks, trainable: Callable[[Tasks], Tasks | None]
) -> list[PlannedStage]:
    """Select the stages that the data can train.

    Stages without any stream are left out, and those that start from a single stage with the same streams, unless that
    one trained single cells only.

    Args:
        schedule: stages in the order of training.
        wanted: streams to train.
        trainable: function that returns the streams for which the data has ground truth, or None without any.

    Raises:
        ConfigError: no stage is left.
    """
    kept: dict[str, PlannedStage] = {}
    stands_for: dict[str, tuple[str, ...]] = {}
    for stage in schedule:
        start = tuple(dict.fromkeys(name for before in stage.start for name in stands_for[before]))
        streams = {name: name in stage.streams and getattr(wanted, name) for name in STREAMS}
        tasks = trainable(Tasks(**streams)) if any(streams.values()) else None
        same = [kept[name].tasks == tasks and not kept[name].stage.on_cells for name in start] == [True]
        if tasks is None or same:
            stands_for[stage.name] = start
        else:
            stands_for[stage.name] = (stage.name,)
            before = {name for earlier in start for name in kept[earlier].tasks.names}
            kept[stage.name] = PlannedStage(stage, tasks, stage.share, start, not before >= set(tasks.names))
    if not kept:
        raise ConfigError(f"tasks: the data has ground truth for none of {wanted}")
    whole = sum(planned.share for planned in kept.values()) or 1.0
    return [dataclasses.replace(planned, share=planned.share / whole) for planned in kept.values()]


def changed(config: T, changes: Mapping[str, Any]) -> T:
    """Replace fields of a dataclass; ``"optimizer.learning_rate"`` is a field of its field ``optimizer``.

    Raises:
        ConfigError: a field does not exist, or the dataclass refuses the values.
    """
    inner: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        first, _, nested = name.partition(".")
        if not hasattr(config, first):
            raise ConfigError(f"{type(config).__name__} has no {first!r}")
        if nested:
            inner.setdefault(first, {})[nested] = value
        else:
            values[first] = value
    values |= {name: changed(values.get(name, getattr(config, name)), parts) for name, parts in inner.items()}
    return dataclasses.replace(config, **values)  # type: ignore[type-var]
