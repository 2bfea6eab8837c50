"""Training from batches to a checkpoint: learning, resuming, best weights, card."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, POSE_AND_ODOMETRY, WIDTH, make_config

from localization_common.datasets import sequence as sequences
from localization_common.errors import ConfigError
from vlocnet_ros.commands import evaluate as evaluation
from vlocnet_ros.commands.train import TrainConfig, train
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import set_camera
from vlocnet_ros.training import data as training_data
from vlocnet_ros.training.augmentation import StepKind
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.batches import RandomBatches, StepMixture, gather
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.module import VLocNetTrainingModule
from vlocnet_ros.training.optimizer import OptimizerConfig, set_learning_rate
from vlocnet_ros.training.outcome import TrainingOutcome
from vlocnet_ros.training.run_files import KeepBest, KeepState
from vlocnet_ros.training.training_frames import TrainingFrames, network_camera
from vlocnet_ros.training.validation import score


def test_frozen_weights_and_statistics_do_not_change(frames, tmp_path):
    network = VLocNet(make_config(tasks=POSE_AND_ODOMETRY))
    before = {name: p.clone() for name, p in network.named_parameters()}
    statistics = {name: p.clone() for name, p in network.named_buffers() if name.endswith("running_mean")}
    taken = {name for name in before if name.startswith("trunk")}
    batches = RandomBatches(frames, size=8, seed=3, clip=4)
    optimizer = OptimizerConfig(steps=2, taken_rate=0.0, warmup=1)
    fit(VLocNetTrainingModule(network, batches, optimizer, AugmentationConfig(), taken=taken), 2, tmp_path)
    for name, p in network.named_parameters():
        assert torch.equal(p, before[name]) == (name in taken), name
    for name, p in network.named_buffers():
        if name in statistics:
            assert torch.equal(p, statistics[name]) == name.startswith("trunk"), name
    optimizer = OptimizerConfig(steps=2, warmup=1)
    part = VLocNetTrainingModule(network, batches, optimizer, AugmentationConfig(), taken=taken, freeze=["trunk.res1"])
    frozen = {n for n, p in part.network.named_parameters() if not p.requires_grad}
    assert frozen == {n for n in taken if n.startswith("trunk.res1")}


def test_copied_layers_keep_their_statistics_if_this_is_selected(frames, tmp_path):
    torch.manual_seed(0)
    network = VLocNet(make_config(tasks=POSE_AND_ODOMETRY))
    copied = {name for name, _ in network.named_parameters() if name.startswith("odometry")}
    before = {name: b.clone() for name, b in network.named_buffers() if name.endswith(("running_mean", "running_var"))}
    weights = {name: p.clone() for name, p in network.named_parameters()}
    batches, optimizer = RandomBatches(frames, size=8, seed=3, clip=4), OptimizerConfig(steps=3, warmup=1)
    module = VLocNetTrainingModule(
        network, batches, optimizer, AugmentationConfig(), taken=copied, keep_statistics=True
    )
    fit(module, 3, tmp_path)
    buffers = dict(network.named_buffers())
    for name, statistics in before.items():
        assert torch.equal(buffers[name], statistics) == name.startswith("odometry"), name
    assert not torch.equal(
        network.get_parameter("odometry.regressor.fc1.weight"), weights["odometry.regressor.fc1.weight"]
    )


def make_module(frames: TrainingFrames, **changes: object) -> VLocNetTrainingModule:
    torch.manual_seed(0)
    network = VLocNet(make_config(**changes))
    set_camera(network, frames.camera)
    optimizer = OptimizerConfig(steps=40, learning_rate=3e-3, warmup=5)
    batches = RandomBatches(frames, size=8, seed=3, mixture=StepMixture(1, 1, 1))
    return VLocNetTrainingModule(
        network, batches, optimizer, AugmentationConfig(viewpoint=0.5, metres=0.05, degrees=2.0), seed=3
    )


def fit(module: VLocNetTrainingModule, steps: int, directory: Path, resume: Path | None = None) -> Path:
    state = lightning.pytorch.callbacks.ModelCheckpoint(directory, save_last=True, save_top_k=0, every_n_train_steps=3)
    trainer = lightning.Trainer(
        max_steps=steps,
        max_epochs=-1,
        accelerator="cpu",
        logger=False,
        callbacks=[state],
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loader = torch.utils.data.DataLoader(range(4), batch_size=None)
    trainer.fit(module, loader, ckpt_path=None if resume is None else str(resume), weights_only=True)
    return directory / "last.ckpt"


@pytest.mark.parametrize("coordinates", [True, False])
def test_steps_of_single_poses_train_the_encoder_that_scene_coordinates_are_read_from(frames, coordinates):
    module = make_module(frames, tasks=Tasks(pose=not coordinates, coordinates=coordinates))
    batch = gather(frames, torch.arange(4), StepKind.POSE, previous=torch.arange(4), group=1)
    prediction = module(batch)
    module.loss(prediction, batch.targets, coordinates=module._coordinates(prediction, batch))[0].backward()
    encoder = module.network.segmentation
    gradients = [p.grad for name, p in encoder.named_parameters() if name.startswith("block2")]
    assert gradients
    assert all(g is not None and g.abs().max() > 0 for g in gradients) == coordinates
    assert module.network.trunk.res3[0].conv1.weight.grad.abs().max() > 0


class Killed(BaseException):
    """Exception in place of the end of the process."""


def test_an_interrupted_write_keeps_the_previous_state(tmp_path):
    class Trainer:
        is_global_zero = True
        content, ends = b"whole", False

        def save_checkpoint(self, path: Path) -> None:
            path.write_bytes(self.content)
            if self.ends:
                raise Killed

    trainer, state = Trainer(), KeepState(tmp_path / "last.ckpt")
    state.on_train_epoch_end(trainer, None)
    assert (tmp_path / "last.ckpt").read_bytes() == b"whole"
    trainer.content, trainer.ends = b"ha", True
    with pytest.raises(Killed):
        state.on_train_epoch_end(trainer, None)
    assert (tmp_path / "last.ckpt").read_bytes() == b"whole"


def test_the_best_weights_are_kept_and_no_progress_ends_the_training(tmp_path):
    saved = []
    best = KeepBest(tmp_path / "best", saved.append, patience=3)
    trainer = type("T", (), {"is_global_zero": True, "should_stop": False, "sanity_checking": False})()
    trainer.state = type("S", (), {"fn": "fit"})
    module = type("M", (), {})()
    for number, value in enumerate([0.5, 0.3, 0.4, None, 0.2, 0.25, 0.21, 0.2]):
        assert not trainer.should_stop
        module.validated = {} if value is None else {"pose_m": value}
        trainer.global_step = 10 * number
        best.on_validation_end(trainer, module)
        assert len(saved) == 1 + (number > 0) + (number > 3)
    assert trainer.should_stop
    again = KeepBest(tmp_path / "best", saved.append, patience=3)
    again.load_state_dict(best.state_dict())
    trainer.should_stop = False
    again.on_train_start(trainer, module)
    assert trainer.should_stop
    assert (again.best, again.step) == ({"pose_m": 0.2}, 40)


def test_the_score_depends_on_relative_changes():
    better = {"pose_m": 0.9, "pose_deg": 1.8, "pixels_wrong": 0.11}
    worse = {"pose_m": 1.0, "pose_deg": 2.0, "pixels_wrong": 0.1}
    assert score(better) - score(worse) == pytest.approx(0.5 * (np.log(0.9) + np.log(1.1)), abs=1e-6)
    assert score({}) == np.inf


@pytest.mark.filterwarnings("ignore")
def test_training_ends_with_the_weights_of_the_best_validation(on_disk, tmp_path, monkeypatch):
    """Let later validations be worse than the best one."""
    errors, kept = iter([1.0, 0.5, 2.0, 3.0]), {}

    def scripted(module):
        module.validated = {"pose_m": next(errors)}

    def save(self, trainer, module):
        kept[module.global_step] = {name: t.clone() for name, t in module.network.named_parameters()}

    monkeypatch.setattr(VLocNetTrainingModule, "on_validation_epoch_end", scripted)
    monkeypatch.setattr(KeepState, "on_train_epoch_end", save)
    written = train(config_for(tmp_path, optimizer=OptimizerConfig(steps=8, warmup=1), patience=2))
    assert list(kept) == [2, 4, 6, 8]
    for name, weights in written.network.named_parameters():
        assert torch.equal(weights, kept[4][name].half().float()), name
    assert TrainingOutcome.from_card(written.card["outcome"]) == TrainingOutcome({}, {"pose_m": 0.5}, 4, 8)


def measured_loss(module: VLocNetTrainingModule, frames: TrainingFrames) -> float:
    batch = gather(frames, frames.pairs.flatten())
    with torch.no_grad():
        _, terms = module.loss(module.eval()(batch), batch.targets)
    return sum(value.item() for name, value in terms.items() if name in ("x", "x_vo", "seg", "depth"))


@pytest.mark.filterwarnings("ignore")
def test_a_few_steps_learn_the_wall(frames, tmp_path):
    module = make_module(frames, dropout=0.0)
    before = measured_loss(module, frames)
    fit(module, 40, tmp_path)
    assert measured_loss(module, frames) < 0.8 * before


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_ends_like_an_uninterrupted_one(frames, tmp_path):
    whole = make_module(frames)
    fit(whole, 6, tmp_path / "whole")
    first = make_module(frames)
    state = fit(first, 3, tmp_path / "parts")
    resumed = make_module(frames)
    fit(resumed, 6, tmp_path / "resumed", resume=state)
    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    for (name, a), b in zip(whole.state_dict().items(), first.state_dict().values(), strict=True):
        if name == "network.pose.regressor.fc2.weight":
            assert not torch.equal(a, b)


def test_learning_rate_warms_up_and_decays_over_the_steps(frames):
    module = make_module(frames)
    optimizer = module.configure_optimizers()
    groups, config = optimizer.param_groups, module.optimizer_config
    rates = []
    for step in (0, 4, 20, 39):
        set_learning_rate(optimizer, config, step, step / 40)
        rates.append(groups[0]["lr"])
    assert rates[0] == pytest.approx(10 * 3e-3 / 5, rel=1e-6)
    assert rates[2] == pytest.approx(10 * 1.5e-3, rel=1e-6)
    assert rates[3] < 1e-3
    assert rates[3] == pytest.approx(10 * groups[1]["lr"])  # the learned loss weights have a larger rate


@pytest.fixture
def on_disk(monkeypatch, wall_sequence) -> None:
    """Let command lines open the wall for any path."""
    for module in (training_data, evaluation):
        monkeypatch.setattr(module, "open_sequences", lambda *_, **__: [wall_sequence])


def config_for(tmp_path: Path, **changes: object) -> TrainConfig:
    values: dict[str, object] = {
        "train": (Path("wall"),),
        "output": tmp_path / "wall.safetensors",
        "exclude": "6-7",
        "optimizer": OptimizerConfig(steps=4),
        "batch": 4,
        "validate_every": 2,
        "progress_bar": False,
        "precision": "32-true",
        "accelerator": "cpu",
        "runs": tmp_path / "runs",
        "width": 64,
        "height": 48,
    }
    return TrainConfig(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore")
def test_the_command_writes_a_checkpoint_with_card_and_residuals(on_disk, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["vlocnet_train", "--train", "wall"])
    written = train(config_for(tmp_path))
    assert written.class_names == ("left", "middle", "right")
    assert written.card["numbers"]["frames"] == 2
    assert written.card["command"] == "vlocnet_train --train wall"
    assert np.linalg.eigvalsh(np.array(written.residuals.pose)).min() > 0
    card = (tmp_path / "wall.md").read_text()
    for fact in ("wall (6 frames)", "| seed | 0 |", "median_m", "minutes", written.card["commit"]):
        assert fact in card
    assert re.search(r"\| size \| \d+\.\d\d MB \|", card)
    # a second run gives the same weights
    again = train(config_for(tmp_path, output=tmp_path / "again.safetensors"))
    for (name, a), b in zip(written.network.state_dict().items(), again.network.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.filterwarnings("ignore")
def test_streams_without_ground_truth_are_left_out(monkeypatch, wall_sequence, tmp_path):
    unlabelled = replace(wall_sequence, read_labels=None, class_names=())
    monkeypatch.setattr(training_data, "open_sequences", lambda *_, **__: [unlabelled])
    written = train(config_for(tmp_path))
    assert written.network.config.tasks == Tasks(segmentation=False)
    assert "segmentation" not in written.card["numbers"]
    bare = replace(unlabelled, read_depth=None)
    monkeypatch.setattr(training_data, "open_sequences", lambda *_, **__: [bare])
    data = TrainingData.read(config_for(tmp_path))
    assert data.trainable(Tasks()) == Tasks(segmentation=False)  # depth from the motion between frames
    single = TrainingFrames.read([bare.select([0, 4])], network_camera(bare.camera, WIDTH, HEIGHT))
    assert replace(data, frames=single).trainable(Tasks()) == POSE_AND_ODOMETRY
    assert replace(data, frames=single).trainable(Tasks(pose=False, odometry=False)) is None


def test_resuming_without_a_run_is_refused(on_disk, tmp_path):
    with pytest.raises(ConfigError, match="resume"):
        train(config_for(tmp_path, resume=True))


def test_odd_batches_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="even"):
        config_for(tmp_path, batch=3)


def test_frame_ranges_of_the_command_line_split_train_from_validation(on_disk, tmp_path):
    chosen, held_out = training_data.open_data(config_for(tmp_path, frames="0-5", exclude="4-5"))
    assert [s.frame_numbers.tolist() for s in chosen] == [[0, 1, 2, 3]]
    assert [s.frame_numbers.tolist() for s in held_out] == [[4, 5]]
    assert sequences.FrameRanges.parse("4-5").mask(np.arange(6)).sum() == 2


@pytest.mark.filterwarnings("ignore")
def test_a_training_without_steps_combines_streams(on_disk, tmp_path):
    first = train(config_for(tmp_path))
    path = tmp_path / "wall.safetensors"
    changes = {"output": tmp_path / "merged.safetensors", "initial": (path,), "optimizer": OptimizerConfig(steps=0)}
    merged = train(config_for(tmp_path, **changes))
    assert merged.card["initial"][0]["file"] == "wall.safetensors"
    for (name, a), (_, b) in zip(first.network.named_parameters(), merged.network.named_parameters(), strict=True):
        assert torch.equal(a, b), name
