"""Training schedule: stages for given data, and interrupted runs that end as uninterrupted ones."""

from __future__ import annotations

import multiprocessing
import random
import signal
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from localization_common.datasets.rosbag2_writer import write_sequence
from localization_common.errors import ConfigError
from vlocnet_ros.commands.train_schedule import ScheduleConfig, _training, run
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.checkpoint import load_vlocnet
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.optimizer import OptimizerConfig
from vlocnet_ros.training.stages import SCHEDULE, TrainingStage, changed, plan

#: Short schedule with single streams, both together, and steps of several kinds, as the real one has.
SHORT = (
    TrainingStage("pose", 0.5, ("pose",), changes={"batch": 4}),
    TrainingStage("scene", 0.2, ("segmentation", "depth"), changes={"batch": 2}),
    TrainingStage("joint", 0.3, start=("pose", "scene"), changes={"batch": 4, "mixture.pose": 1}),
)


def has(*streams: str):
    """Return `trainable` of data with ground truth for these streams only."""

    def trainable(wanted: Tasks) -> Tasks | None:
        kept = {name: getattr(wanted, name) and name in streams for name in vars(wanted)}
        return Tasks(**kept) if any(kept.values()) else None

    return trainable


def test_all_stages_run_if_the_data_has_all_ground_truth():
    planned = plan(SCHEDULE, Tasks(), has("pose", "odometry", "segmentation", "depth"))
    assert [p.stage.name for p in planned] == ["pose", "scene", "joint", "odometry", "together"]
    assert [p.start for p in planned] == [(), (), ("pose", "scene"), ("joint",), ("joint", "odometry")]
    assert sum(p.share for p in planned) == pytest.approx(1.0)
    assert planned[0].tasks == Tasks(odometry=False, segmentation=False, depth=False)


@pytest.mark.parametrize(
    ("streams", "names"),
    [
        (("pose", "odometry"), ["pose", "joint", "odometry", "together"]),
        (("pose", "odometry", "depth"), ["pose", "scene", "joint", "odometry", "together"]),
        (("pose",), ["pose"]),
        (("odometry",), ["joint"]),
        (("segmentation", "depth"), ["scene"]),
        (("pose", "segmentation"), ["pose", "scene", "joint"]),
    ],
)
def test_stages_without_anything_to_train_are_left_out(streams, names):
    """Leave out streams that the data lacks, and streams that are not selected."""
    for planned in (
        plan(SCHEDULE, Tasks(), has(*streams)),
        plan(SCHEDULE, Tasks(**{name: name in streams for name in vars(Tasks())}), lambda tasks: tasks),
    ):
        assert [p.stage.name for p in planned] == names
        assert sum(p.share for p in planned) == pytest.approx(1.0)
        trained = {p.stage.name for p in planned}
        assert all(set(p.start) <= trained for p in planned)
    with pytest.raises(ConfigError, match="tasks"):
        plan(SCHEDULE, Tasks(), has())


def test_changes_replace_fields_of_fields():
    config = TrainConfig(train=(Path("a"),), output=Path("b"), batch=24, clip=4)
    other = changed(config, {"optimizer.learning_rate": 0.5, "batch": 30, "clip": 3, "mixture.pose": 7})
    assert other.optimizer == replace(config.optimizer, learning_rate=0.5)
    assert (other.batch, other.clip, other.mixture.pose) == (30, 3, 7)
    with pytest.raises(ConfigError, match="lerning"):
        changed(config, {"optimizer.lerning_rate": 0.5})
    with pytest.raises(ConfigError, match="clip"):
        changed(config, {"batch": 26})


def test_time_is_divided_by_the_shares(tmp_path):
    common = TrainConfig(train=(Path("a"),), output=tmp_path / "home.safetensors", initial=(Path("old"),))
    config = ScheduleConfig(common, minutes=50.0, steps=1000)
    planned = plan(SCHEDULE, Tasks(), lambda tasks: tasks)
    trainings = [_training(config, p, tmp_path) for p in planned]
    assert [t.optimizer.minutes for t in trainings] == pytest.approx([20.0, 7.5, 17.5, 5.0, None])
    assert [t.optimizer.steps for t in trainings] == [400, 150, 350, 100, 0]
    assert trainings[2].initial == (Path("old"), tmp_path / "pose.safetensors", tmp_path / "scene.safetensors")
    assert trainings[3].initial == (tmp_path / "joint.safetensors",)
    assert trainings[0].initial == (Path("old"),)
    assert trainings[3].freeze == ("trunk",)


@pytest.fixture
def config(tmp_path, wall_sequence) -> ScheduleConfig:
    write_sequence(wall_sequence, tmp_path / "wall")
    common = TrainConfig(
        train=(tmp_path / "wall",),
        output=tmp_path / "home.safetensors",
        exclude="6-7",
        optimizer=OptimizerConfig(minutes=1.0, warmup=2),
        validate_every=3,
        width=64,
        height=48,
        precision="32-true",
        accelerator="cpu",
        threads=1,
        progress_bar=False,
        runs=tmp_path / "undisturbed",
    )
    return ScheduleConfig(common, minutes=None, steps=24)


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.BaseContext:
    """Context of processes that have imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vlocnet_ros.commands.train_schedule", "torch.utils.tensorboard"])
    return context


def killed(process: BaseProcess, progress: Path, moment: random.Random) -> bool:
    """Kill the process at a random moment after its first progress; return True if it was still running."""
    before = progress.stat().st_mtime_ns if progress.exists() else 0
    process.start()
    while process.is_alive() and not (progress.exists() and progress.stat().st_mtime_ns > before):
        process.join(0.002)
    process.join(moment.uniform(0.0, 0.5))
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


def interrupted(config: ScheduleConfig) -> ScheduleConfig:
    common = replace(config.common, runs=config.common.runs.with_name("interrupted"))
    return replace(config, common=replace(common, output=common.output.with_name("again.safetensors")))


@pytest.mark.filterwarnings("ignore")
def test_a_killed_and_resumed_run_ends_as_an_uninterrupted_one(config, processes):
    whole = processes.Process(target=run, args=(config, SHORT))
    whole.start()
    other = interrupted(config)
    files = other.common.runs / other.common.output.stem
    moment, times = random.Random(3), 0
    # in the first stage, in the second, in the third
    for state in ("pose/last.ckpt", "scene/last.ckpt", "joint/last.ckpt", "joint/last.ckpt"):
        resume = replace(other, common=replace(other.common, resume=times > 0))
        times += killed(processes.Process(target=run, args=(resume, SHORT)), files / state, moment)
    assert times >= 2
    trained = files / "pose.safetensors"
    before = trained.stat().st_mtime_ns
    last = processes.Process(target=run, args=(replace(other, common=replace(other.common, resume=True)), SHORT))
    last.start()
    last.join()
    whole.join()
    assert (whole.exitcode, last.exitcode) == (0, 0)
    assert trained.stat().st_mtime_ns == before  # a finished stage is not trained again
    expected, found = load_vlocnet(config.common.output), load_vlocnet(other.common.output)
    for (name, a), b in zip(expected.network.state_dict().items(), found.network.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    assert expected.card["steps"] == found.card["steps"] == 7
    assert [o["stage"] for o in found.card["initial"]] == ["pose", "scene"]
    assert "scene.safetensors | batch 2" in other.common.output.with_suffix(".md").read_text()
    assert not list(files.glob("**/last.ckpt"))


def test_unknown_stages_and_missing_earlier_ones_are_refused(config):
    with pytest.raises(ConfigError, match="warmup"):
        run(replace(config, stages=("warmup",)), SHORT)
    with pytest.raises(ConfigError, match=r"joint starts from \['pose', 'scene'\]"):
        run(replace(config, stages=("joint",)), SHORT)
    with pytest.raises(ConfigError, match="batch 24 -> 12"):
        run(replace(config, common=replace(config.common, resume=True, batch=12)), SHORT)
    again = replace(config.common, resume=True, output=config.common.output.with_name("other.safetensors"))
    with pytest.raises(ConfigError, match="no interrupted run"):
        run(replace(config, common=again), SHORT)
