"""Commands of training on worlds: resume, initial weights, early stop, comparison of rates."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from drawn_worlds import QUICK, circles

from dmn_ros.commands import evaluate_worlds as evaluate_command
from dmn_ros.commands.train_worlds import TrainWorldsCommand, compare_rates, train
from dmn_ros.runtime.checkpoint import load_world_network
from dmn_ros.worlds.world_training import WorldTraining
from localization_common.datasets.world_shards import shard_path, write_shard
from localization_common.errors import CheckpointError


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for split, count in (("train", 12), ("validation", 6)):
        write_shard(shard_path(tmp_path / split, 0), circles(count), first=0, recipe={})
    return tmp_path


def _arguments(shards: Path, name: str, **changes: Any) -> TrainWorldsCommand:
    training = replace(QUICK, steps=4, evaluate_every=2, worlds=2, length=2, mirror=0.5, relight=True)
    base = TrainWorldsCommand(
        worlds=shards / "train",
        validate=shards / "validation",
        output=shards / f"{name}.safetensors",
        runs=shards / name,
        training=training,
        accelerator="cpu",
        progress_bar=False,
    )
    return replace(base, **changes)


def test_a_resumed_training_ends_with_the_same_weights(shards: Path) -> None:
    whole = train(_arguments(shards, "whole"))
    assert whole.trainer.global_step == 4
    # interrupted after half of its steps, with the schedule of all steps
    halfway = _arguments(shards, "half")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorldTraining, "on_train_batch_start", lambda self, batch, index: _stop(self, 2), raising=False)
        before = train(halfway).minutes
    resumed = train(replace(halfway, resume=True))
    assert resumed.trainer.global_step == 4
    spent = torch.load(shards / "half" / "last.ckpt", weights_only=True)["minutes"]
    assert resumed.minutes > spent > 0.6 * before  # of the checkpoint at the end of the first half, and more
    # weights at the end of training; the returned modules have the best weights, which may be older
    states = [torch.load(shards / name / "last.ckpt", weights_only=True) for name in ("whole", "half")]
    assert [state["global_step"] for state in states] == [4, 4]
    for name, value in states[0]["state_dict"].items():
        assert torch.equal(value, states[1]["state_dict"][name]), name
    network, mapping, card = load_world_network(halfway.output)
    assert card["system"] == "view_embedding"
    assert card["parameters"] == sum(p.numel() for p in network.parameters())
    assert mapping == whole.mapping
    with pytest.raises(CheckpointError, match="another system"):
        train(replace(halfway, resume=True, system="latent_vector"))
    with pytest.raises(CheckpointError, match="other numbers"):
        train(replace(halfway, resume=True, training=replace(halfway.training, steps=6)))


def test_training_may_start_with_the_weights_of_another(shards: Path) -> None:
    first = _arguments(shards, "first")
    train(first)
    still = replace(first.training, learning_rate=1e-12, weight_decay=0.0)
    second = replace(first, initial=first.output, training=still, output=shards / "on.safetensors", runs=shards / "on")
    went_on = dict(train(second).network.named_parameters())
    for name, value in load_world_network(first.output)[0].named_parameters():
        torch.testing.assert_close(went_on[name], value, atol=1e-6, rtol=0)
    result = evaluate_command.evaluate(
        evaluate_command.EvaluateWorldsCommand(shards / "validation", second.output, card=shards / "on.md")
    )
    assert result["card"]["initial"].startswith("first.safetensors (4 steps, ")
    assert f"begun with {result['card']['initial']}" in (shards / "on.md").read_text()
    with pytest.raises(CheckpointError, match=r"first\.safetensors: no latent_vector for images of 32 x 32"):
        train(replace(second, system="latent_vector"))


def test_similarity_may_be_added_to_a_trained_system(shards: Path) -> None:
    first = replace(_arguments(shards, "compass"), system="projection_compass")
    train(first)
    still = replace(first.training, learning_rate=1e-12, weight_decay=0.0)
    grown = replace(first, system="projection_likeness", initial=first.output, training=still, runs=shards / "grown")
    grown = replace(grown, output=shards / "grown.safetensors")
    weights = train(grown).network.state_dict()
    for name, value in load_world_network(first.output)[0].named_parameters():
        torch.testing.assert_close(weights[name], value, atol=1e-6, rtol=0)
    assert any(".likeness." in name for name in weights)
    with pytest.raises(CheckpointError, match="no projection_compass"):
        train(replace(first, initial=grown.output))


def _stop(module: WorldTraining, step: int) -> int | None:
    if module.global_step >= step:
        module.trainer.should_stop = True
        return -1
    return None


def test_learning_rates_are_compared_by_short_trainings(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = replace(_arguments(shards, "rates"), rates=(1e-9, 3e-3), rate_steps=40)
    losses = compare_rates(arguments)
    assert list(losses) == [1e-9, 3e-3]
    assert losses[3e-3] < losses[1e-9]  # which hardly moves
    output = capsys.readouterr().out
    assert "learning rate 1e-09: validation loss" in output
    assert output.rstrip().endswith("best: --training.learning-rate 0.003")
    card = load_world_network(arguments.runs / "rate_0.003" / "short.safetensors")[2]
    assert (card["steps"], card["training"]["learning_rate"]) == (40, 3e-3)
    assert not arguments.output.exists()


def test_training_stops_without_progress(shards: Path) -> None:
    arguments = _arguments(shards, "stopped")
    training = replace(arguments.training, steps=60, evaluate_every=1, patience=2, learning_rate=1e-12)
    module = train(replace(arguments, training=training))
    assert module.trainer.global_step < 60
    assert load_world_network(arguments.output)[2]["stopped_early"]


def test_the_commands_train_and_evaluate_a_regression_on_shards(shards: Path) -> None:
    words = ["--system", "latent_vector_regression", "--training.steps", "2", "--training.worlds", "2"]
    words += ["--output", str(shards / "x.safetensors"), "--runs", str(shards / "x"), "--accelerator", "cpu"]
    command = [sys.executable, "-m", "dmn_ros.commands.train_worlds", str(shards / "train"), "--no-progress-bar"]
    subprocess.run([*command, "--validate", str(shards / "validation"), *words], check=True)
    result = evaluate_command.evaluate(
        evaluate_command.EvaluateWorldsCommand(
            shards / "validation",
            shards / "x.safetensors",
            card=shards / "x.md",
            fit_on=shards / "validation",
            vary_contexts=(1, 2),
            vary_particles=(64,),
        )
    )
    assert result["trials"] == 6
    assert set(result["contexts"]) == {"1", "2"}
    assert 0.0 <= result["sequential"]["mean"]["success"] <= 1.0
    card = (shards / "x.md").read_text()
    assert "12 worlds of" in card
    assert f"| 5 images | {100 * result['sequential']['mean']['success']:.1f} % |" in card
