"""Trainings that make a task worse: earlier weights are kept, and the outcome is reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.datasets.sequence import Sequence
from vlocnet_ros.commands.train import train
from vlocnet_ros.commands.train_schedule import ScheduleConfig, run
from vlocnet_ros.runtime.checkpoint import Checkpoint, load_vlocnet, save_vlocnet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.optimizer import OptimizerConfig
from vlocnet_ros.training.outcome import TrainingOutcome, restore_worse_tasks, worse_tasks
from vlocnet_ros.training.stages import TrainingStage

#: Stage of the odometry whose steps are so large that they spoil it.
SPOILED = (
    TrainingStage("joint", 0.8, changes={"batch": 4, "mixture.pose": 1}),
    TrainingStage(
        "odometry",
        0.2,
        ("odometry",),
        start=("joint",),
        changes={
            "batch": 6,
            "clip": 3,
            "freeze": ("trunk",),
            "optimizer.taken_rate": 1.0,
            "optimizer.learning_rate": 2.0,
            "optimizer.warmup": 1,
        },
    ),
    TrainingStage("together", 0.0, start=("joint", "odometry"), changes={"batch": 6, "clip": 3}),
)


@pytest.fixture
def config(tmp_path: Path, wall_sequence: Sequence) -> TrainConfig:
    write_sequence(wall_sequence, tmp_path / "wall")
    return TrainConfig(
        train=(tmp_path / "wall",),
        output=tmp_path / "home.safetensors",
        exclude="6-7",
        optimizer=OptimizerConfig(steps=10, warmup=2),
        batch=4,
        validate_every=50,
        width=64,
        height=48,
        precision="32-true",
        accelerator="cpu",
        threads=1,
        progress_bar=False,
        runs=tmp_path / "runs",
    )


def outcome(checkpoint: Checkpoint) -> TrainingOutcome:
    return TrainingOutcome.from_card(checkpoint.card["outcome"])


def same(first: Checkpoint, second: Checkpoint, prefix: str) -> bool:
    others = dict(second.network.named_parameters())
    return all(torch.equal(p, others[n]) for n, p in first.network.named_parameters() if n.startswith(prefix))


@pytest.mark.filterwarnings("ignore")
def test_a_stage_that_spoils_a_task_is_not_kept(config, capsys):
    written = run(ScheduleConfig(config, minutes=None, steps=20), SPOILED)
    assert written is not None
    files = config.runs / "home"
    joint, odometry = (load_vlocnet(files / f"{name}.safetensors") for name in ("joint", "odometry"))
    assert outcome(odometry).step == 0
    assert outcome(odometry).steps == 4
    assert outcome(odometry).after == outcome(odometry).before
    assert same(odometry, joint, "odometry.")
    assert same(written, joint, "")
    report = capsys.readouterr().out.partition("stages, with errors")[2]
    assert "joint: kept, with the weights of step 16 of 16" in report
    assert "odometry: not kept: no validated step of 4 was better than the start" in report


@pytest.mark.filterwarnings("ignore")
def test_a_training_that_improves_is_kept(config):
    first = train(config)
    again = replace(config, output=config.runs / "again.safetensors", initial=(config.output,))
    second = train(replace(again, optimizer=OptimizerConfig(steps=10, warmup=2, taken_rate=1.0)))
    found = outcome(second)
    assert (found.step, found.steps) == (10, 10)
    ended = outcome(first).after
    assert set(found.before) == set(ended)
    for name in set(ended) - {"motion_m", "motion_deg"}:  # the odometry was calibrated after its validation
        assert found.before[name] == pytest.approx(ended[name], rel=0.05), name  # stored in half precision
    assert not same(first, second, "")


@pytest.mark.filterwarnings("ignore")
def test_a_combination_keeps_the_better_of_two_odometries(config):
    """The second checkpoint's odometry is the first's, spoiled: a combination of both takes the first's."""
    first = train(config)
    spoiled = load_vlocnet(config.output)
    with torch.no_grad():
        spoiled.network.get_parameter("odometry.regressor.fc2.weight").normal_()
    other = config.runs / "spoiled.safetensors"
    names, card = spoiled.class_names, spoiled.card
    save_vlocnet(other, spoiled.network, camera=spoiled.camera, class_names=names, card=card)
    together = replace(
        config,
        output=config.runs / "together.safetensors",
        initial=(config.output, other),
        optimizer=OptimizerConfig(steps=0),
    )
    combined = train(together)
    assert "odometry" in outcome(combined).restored  # and the labels, which use its motions
    assert outcome(combined).worse == []
    assert same(combined, first, "")
    better = train(replace(together, initial=(other, config.output)))
    assert outcome(better).restored == ()
    assert same(better, first, "")


def test_earlier_weights_return_only_where_the_score_of_all_tasks_improves():
    before = {"pose_m": 1.0, "pixels_wrong": 0.1, "depth_relative": 0.1}
    after = {"pose_m": 0.5, "pixels_wrong": 0.12, "depth_relative": 0.12}
    assert worse_tasks(before, after) == ["segmentation", "depth"]
    assert worse_tasks(before, {**after, "pixels_wrong": 0.1005, "motion_m": 9.0}) == ["depth"]
    trained = {"trunk.w": torch.ones(1), "segmentation.w": torch.ones(1), "depth.w": torch.ones(1)}
    earlier = {name: torch.zeros(1) for name in trained}
    for pose, restored in ((0.6, ("segmentation", "depth")), (0.8, ())):
        combined = {**before, "pose_m": pose}
        weights, errors, tasks = restore_worse_tasks(trained, earlier, before, after, lambda _, c=combined: c)
        assert tasks == restored
        assert errors == (combined if restored else after)
        assert [float(w) for w in weights.values()] == ([1.0, 0.0, 0.0] if restored else [1.0, 1.0, 1.0])


def test_the_outcome_names_each_task_that_became_worse():
    before = {"pose_m": 1.0, "pose_deg": 10.0, "pixels_wrong": 0.1}
    after = {"pose_m": 0.5, "pose_deg": 5.0, "pixels_wrong": 0.12, "motion_m": 0.01}
    first, *tasks = TrainingOutcome(before, after, 40, 50).lines()
    assert first == "kept, with the weights of step 40 of 50"
    assert [line.split(None, 1) for line in tasks] == [
        ["pose", "1 m, 10 deg -> 0.5 m, 5 deg"],
        ["odometry", "0.01 m"],
        ["segmentation", "0.1 of the pixels -> 0.12 of the pixels  (worse)"],
    ]
    assert TrainingOutcome({}, {}, 50, 50).lines()[0].startswith("not compared with its start")
