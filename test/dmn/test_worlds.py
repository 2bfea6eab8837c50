"""Training and evaluation on tiny worlds drawn by the test, whose pictures are known functions of their poses."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dmn_ros import evaluate_worlds as evaluate_command
from dmn_ros.checkpoint import load_world_network
from dmn_ros.mapping_config import MappingConfig
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN
from dmn_ros.systems import SYSTEMS, SystemName
from dmn_ros.train_worlds import Arguments, compare_rates, train
from dmn_ros.trajectory_filter import ego_motion, filter_trajectories
from dmn_ros.world_config import BeliefConfig, WorldEvaluationConfig, WorldTrainingConfig
from dmn_ros.world_data import TrainingWorlds, WorldBatch, local_beliefs
from dmn_ros.world_evaluation import evaluate_baselines, evaluate_worlds, fit_likelihood_exponent
from dmn_ros.world_training import WorldTraining
from localization_common.datasets.world_difficulty import measure_difficulty
from localization_common.datasets.world_shards import shard_path, write_shard
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import CheckpointError, DatasetError

QUICK = WorldTrainingConfig(
    particles=32,
    target_d=0.15,
    target_a=0.25,
    heading_after=0.0,
    worlds=4,
    trajectories=2,
    learning_rate=3e-3,
    mirror=0.0,
    recolour=0.0,
    quarter_turns=False,
    relight=False,
)
TRACKING = replace(QUICK, objective="tracking")


def _worlds(count: int = 12, views: int = 10, seed: int = 0) -> WorldSet:
    """Each pixel column is a bearing: rings of colour round the environment, another phase in each world."""
    random = np.random.default_rng(seed)
    poses = random.uniform([-0.9, -0.9, -np.pi], [0.9, 0.9, np.pi], (count, views, 3))
    angles = poses[..., 2:] - np.linspace(-np.pi / 4, np.pi / 4, 32)
    hit = poses[..., None, :2] + 1.5 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    bearing = np.arctan2(hit[..., 1], hit[..., 0]) + random.uniform(-np.pi, np.pi, (count, 1, 1))
    row = np.stack([np.cos(bearing), np.sin(bearing), np.cos(3 * bearing)], axis=-1) * 120 + 127
    images = np.repeat(row[:, :, None], 32, axis=2).astype(np.uint8)
    return WorldSet("circles", images, poses.astype(np.float32), np.zeros((count, views), np.uint8))


def _coded(count: int = 150, views: int = 10) -> WorldSet:
    """Pictures that say where they were taken: x, y and yaw as red, green and blue, to a 255th."""
    random = np.random.default_rng(1)
    poses = random.uniform([-0.9, -0.9, -np.pi], [0.9, 0.9, np.pi], (count, views, 3)).astype(np.float32)
    colours = (poses / [2.0, 2.0, 2.0 * np.pi] + 0.5) * 255
    images = np.broadcast_to(colours.round().astype(np.uint8)[:, :, None, None], (count, views, 4, 4, 3))
    return WorldSet("coded", images.copy(), poses, np.zeros((count, views), np.uint8))


class _Query(NamedTuple):
    poses: Tensor


class _Reader(nn.Module):
    """An observation model that reads the coded pose, or that says nothing."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness

    def prepare(self, views: Tensor, poses: Tensor, queries: Tensor) -> Any:
        assert views.shape[:2] == poses.shape[:2]
        return None, _Query((queries.mean(dim=(-1, -2)) - 0.5) * torch.tensor([2.0, 2.0, 2.0 * torch.pi]))

    def log_likelihood(self, prepared: None, query: _Query, particles: Tensor) -> Tensor:
        difference = particles - query.poses.unsqueeze(2)
        turn = egocentric.wrap_angle(difference[..., 2])
        return -self.sharpness * (difference[..., :2].square().sum(-1) + 0.1 * turn.square())

    def estimate(self, prepared: None, query: _Query, beliefs: Tensor) -> Tensor:
        return query.poses


@pytest.mark.parametrize("regression", [False, True])
def test_a_perfect_model_is_always_right(regression: bool) -> None:
    numbers = evaluate_worlds(_Reader(200.0), _coded(), WorldEvaluationConfig(), regression=regression)  # type: ignore[arg-type]
    assert numbers["trials"] == 150
    for setting in ("one_step", "sequential"):
        for found in numbers[setting].values():
            assert found["success"] == 1.0
            assert found["mse"] < 0.02
    for found in numbers["tracking"].values():  # of 256 particles, none may be near
        assert found["success"] > 0.95
        assert found["mse"] < 0.04
    assert set(numbers["sequential"]) == ({"mean"} if regression else {"mean", "most_likely", "densest"})
    assert numbers["sequential"]["mean"]["success_by_image"] == [1.0] * 5


class _Torn(_Reader):
    """Sees that it may as well be on the other side of the middle, though that is a little less probable."""

    def log_likelihood(self, prepared: None, query: _Query, particles: Tensor) -> Tensor:
        opposite = particles * particles.new_tensor([-1.0, -1.0, 1.0])
        here, there = (super(_Torn, self).log_likelihood(prepared, query, p) for p in (particles, opposite))
        return torch.logaddexp(here, there - 0.7)


def test_the_densest_place_is_right_where_the_mean_is_between_two() -> None:
    numbers = evaluate_worlds(_Torn(50.0), _coded(), WorldEvaluationConfig())["one_step"]  # type: ignore[arg-type]
    assert numbers["densest"]["success"] > max(0.9, numbers["mean"]["success"] + 0.3)


def test_a_model_that_says_nothing_is_the_uninformed_estimate() -> None:
    worlds, config = _coded(), WorldEvaluationConfig()
    numbers = evaluate_worlds(_Reader(0.0), worlds, config)  # type: ignore[arg-type]
    baselines = evaluate_baselines(worlds, config)
    for setting in ("one_step", "sequential", "tracking"):
        said, expected = numbers[setting]["mean"], baselines["uninformed"][setting]["mean"]
        assert said["mse"] == pytest.approx(expected["mse"], abs=1e-4)
        assert said["success"] == pytest.approx(expected["success"], abs=0.01)
    level = measure_difficulty(worlds, contexts=4, queries=6)
    assert numbers["one_step"]["mean"]["success"] == pytest.approx(level.uninformed, abs=0.07)
    assert baselines["closest_context"]["one_step"]["mean"]["success"] == pytest.approx(level.closest_context, abs=0.1)
    first = evaluate_worlds(_Reader(0.0), worlds, WorldEvaluationConfig(length=1))  # type: ignore[arg-type]
    assert first["tracking"]["mean"]["mse"] == pytest.approx(2 * 0.3**2, rel=0.2)


def test_the_fitted_power_of_likelihoods_is_the_one_that_is_most_often_right() -> None:
    worlds, reader = _coded(30), _Reader(1.0)

    def right(exponent: float) -> float:
        numbers = evaluate_worlds(reader, worlds, WorldEvaluationConfig(likelihood_exponent=exponent))  # type: ignore[arg-type]
        return float(np.mean(numbers["sequential"]["mean"]["success_by_image"]))

    fitted = fit_likelihood_exponent(reader, worlds, WorldEvaluationConfig())  # type: ignore[arg-type]
    assert right(fitted) == max(right(e) for e in (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0))
    assert right(fitted) > right(1.0) + 0.02


def test_evaluation_depends_on_the_seed_only_and_needs_enough_views() -> None:
    worlds = _coded(20)
    results = [
        evaluate_worlds(_Reader(5.0), worlds, WorldEvaluationConfig(seed=seed))  # type: ignore[arg-type]
        for seed in (0, 0, 1)
    ]
    assert results[0] == results[1] != results[2]
    with pytest.raises(DatasetError, match="contexts"):
        evaluate_worlds(_Reader(5.0), worlds, WorldEvaluationConfig(contexts=8))  # type: ignore[arg-type]


def test_local_beliefs_hold_the_truth_as_often_as_they_say() -> None:
    truth = np.zeros((200, 20, 3))
    particles, means = local_beliefs(truth, 50, BeliefConfig(), np.random.default_rng(0))
    sigma = torch.tensor([0.3, 0.3, 0.5236])
    torch.testing.assert_close(means.flatten(0, 1).std(0), sigma, rtol=0.05, atol=0)
    torch.testing.assert_close((particles - means[:, :, None]).flatten(0, 2).std(0), sigma, rtol=0.05, atol=0)


def test_batches_depend_on_step_and_seed_and_queries_are_not_in_the_map() -> None:
    worlds, config = _worlds(), replace(QUICK, length=3, contexts=4, mirror=0.5, relight=True, recolour=0.5)
    batches = list(islice(TrainingWorlds(worlds, config), 3))
    later = next(iter(TrainingWorlds(worlds, config, first=2)))
    for one, other in zip(batches[2], later, strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    assert not torch.equal(batches[0].query_poses, batches[1].query_poses)
    other_rank = next(iter(TrainingWorlds(worlds, config, rank=1)))
    assert not torch.equal(batches[0].query_poses, other_rank.query_poses)
    assert batches[0].query_images.shape == (4, 2, 3, 3, 32, 32)
    for batch in batches:
        for views, queries in zip(batch.view_poses, batch.query_poses, strict=True):
            assert torch.cdist(views, queries.flatten(0, 1)).min() > 1e-4


def test_a_mirrored_world_is_seen_as_its_mirrored_camera_would() -> None:
    """The middle column's bearing, mirrored, is the bearing of the mirrored pose."""
    worlds = _worlds(1)
    config = replace(QUICK, worlds=1)
    plain, mirrored = (TrainingWorlds(worlds, replace(config, mirror=share)).draw(5) for share in (0.0, 1.0))
    assert torch.equal(plain.view_images.flip(-1), mirrored.view_images)
    assert torch.equal(plain.query_poses * torch.tensor([1.0, -1.0, -1.0]), mirrored.query_poses)


def test_a_turned_world_is_seen_as_before_from_where_it_was_turned_to() -> None:
    """Turned by no, one, two and three quarters, each as often; views and queries alike, particles round the truth."""
    worlds, turns = _worlds(1), []
    for step in range(40):
        plain = TrainingWorlds(worlds, replace(QUICK, worlds=1)).draw(step)
        turned = TrainingWorlds(worlds, replace(QUICK, worlds=1, quarter_turns=True)).draw(step)
        assert torch.equal(plain.view_images, turned.view_images)
        turn = turned.view_poses[0, 0, 2] - plain.view_poses[0, 0, 2]
        motion = torch.stack([torch.tensor(0.0), torch.tensor(0.0), turn])
        for before, after in ((plain.view_poses, turned.view_poses), (plain.query_poses, turned.query_poses)):
            expected = egocentric.compose(motion, before)
            torch.testing.assert_close(after[..., :2], expected[..., :2], atol=1e-5, rtol=0)
            assert egocentric.wrap_angle(after - expected)[..., 2].abs().max() < 1e-5
        assert (turned.particles[:, :, :8] - turned.query_poses[:, :, :1])[..., :2].abs().median() < 0.5
        turns.append(round(float(turn) / (math.pi / 2)) % 4)
    assert min(turns.count(quarters) for quarters in range(4)) >= 4


def test_densities_of_particles_measure_volumes() -> None:
    batch = TrainingWorlds(_coded(4), replace(QUICK, particles=40_000)).draw(0)
    off = (batch.particles - batch.query_poses[:, :, :1]).abs()
    for metres, radians in ((0.05, 0.1), (0.2, 0.3)):  # where most particles of either kind are
        inside = (off[..., :2] < metres).all(-1) & (off[..., 2] < radians)
        volume = (inside / batch.log_density.exp()).mean()
        assert float(volume) == pytest.approx(8.0 * metres * metres * radians, rel=0.1)
    assert float((1.0 / batch.log_density.exp()).mean()) > 0.9 * 4.0 * 2.0 * np.pi


def test_a_belief_whose_weights_allow_for_the_particles_density_begins_uniform() -> None:
    batch = TrainingWorlds(_coded(8), replace(QUICK, particles=20_000)).draw(0)
    model, odometry = _Reader(0.0), ego_motion(batch.query_poses)
    prepared, query = model.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
    means = []
    for density in (None, batch.log_density):
        particles, log_weights = filter_trajectories(  # type: ignore[arg-type]
            model, prepared, query, batch.particles, odometry, log_density=density
        )
        means.append((log_weights.exp().unsqueeze(-1) * particles)[:, :, 0, :, :2].sum(-2))
    assert means[0].abs().max() > 0.15  # drawn towards the truth, round which particles are dense
    assert means[1].abs().max() < 0.1


def test_weights_accumulate_what_all_images_say() -> None:
    batch = TrainingWorlds(_coded(8), replace(QUICK, length=3)).draw(0)
    model, odometry = _Reader(1.0), ego_motion(batch.query_poses)
    prepared, query = model.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
    particles, log_weights = filter_trajectories(model, prepared, query, batch.particles, odometry)  # type: ignore[arg-type]
    total = torch.zeros_like(log_weights[:, :, 0])
    for t in range(3):
        said = model.log_likelihood(None, _Query(query.poses.unflatten(1, (2, 3))[:, :, t]), particles[:, :, t])
        total = total + said
        torch.testing.assert_close(log_weights[:, :, t], total.log_softmax(-1), atol=1e-5, rtol=0)


def test_soft_resampling_in_between_does_not_change_what_is_believed() -> None:
    batch = TrainingWorlds(_coded(8), replace(QUICK, particles=20_000, length=3)).draw(0)
    model = _Reader(15.0)
    prepared, query = model.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
    odometry = ego_motion(batch.query_poses)
    means = []
    for alpha in (None, 0.5):
        particles, log_weights = filter_trajectories(  # type: ignore[arg-type]
            model,
            prepared,
            query,
            batch.particles,
            odometry,
            resample_alpha=alpha,
            generator=torch.Generator().manual_seed(0),
        )
        means.append((log_weights.exp().unsqueeze(-1) * particles)[:, :, -1, :, :2].sum(-2))
    torch.testing.assert_close(means[0], means[1], atol=0.05, rtol=0)


@pytest.mark.parametrize("name", list(SYSTEMS))
@pytest.mark.parametrize("config", [QUICK, TRACKING], ids=["softmax", "tracking"])
def test_every_system_learns_a_tiny_world(name: SystemName, config: WorldTrainingConfig) -> None:
    torch.manual_seed(0)
    config = replace(config, learning_rate=2e-3)
    module = WorldTraining(_small(name), config).train()
    batch = TrainingWorlds(_worlds(), config, regression="regression" in name).draw(0)
    optimizer = torch.optim.AdamW(module.parameters(), config.learning_rate)
    losses = [_step(module, batch, optimizer) for _ in range(60)]
    idle = "network.observation.attention.view_key.bias"  # the same for all views: no attention depends on it
    gradients = {n: p.grad for n, p in module.named_parameters() if n != idle}
    assert all(g is not None and torch.isfinite(g).all() for g in gradients.values())
    assert losses[-1] < 0.7 * losses[0]


def test_a_compass_learns_headings_beside_the_objective_but_is_not_judged_by_them() -> None:
    torch.manual_seed(0)
    module, plain = (WorldTraining(_small("projection_compass"), replace(QUICK, heading_weight=w)) for w in (3.0, 0.0))
    plain.load_state_dict(module.state_dict())
    worlds = TrainingWorlds(_worlds(), QUICK)
    with torch.no_grad():
        beside = module.train().loss(worlds.draw(0)) - plain.train().loss(worlds.draw(0))
        assert beside.item() == pytest.approx(3.0 * math.log(4.0), rel=1e-4)  # one of four is a guess
        assert module.eval().loss(worlds.draw(0)) == plain.eval().loss(worlds.draw(0))
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3)
    for step in range(120):
        _step(module.train(), worlds.draw(step), optimizer)
    right = torch.cat([_knows_quarter(module.network, worlds.draw(step)) for step in range(120, 136)])
    assert right.float().mean() > 0.7  # 128 queries, of which a guess knows a quarter


def _knows_quarter(network: DMN, batch: WorldBatch) -> Tensor:
    """Which queries (A, Q) a compass tells from those that are quarters of a turn off."""
    with torch.no_grad():
        _, query = network.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
        turns = batch.query_poses.flatten(1, 2)[..., 2:] + torch.tensor([0.0, 0.5, 1.0, 1.5]) * math.pi
        told = network.heading_log_likelihood(query, turns)
    assert told is not None
    return told.argmax(-1) == 0


def test_a_compass_waits_until_there_is_something_to_compare() -> None:
    batch = TrainingWorlds(_worlds(), QUICK).draw(0)
    module = WorldTraining(_small("projection_compass"), replace(QUICK, heading_after=0.5)).train()
    module.loss(batch).backward()
    waiting = {name for name, value in module.named_parameters() if value.grad is None}
    assert waiting == {name for name, _ in module.named_parameters() if ".compass." in name}


def test_gradients_pass_through_resampling() -> None:
    torch.manual_seed(0)
    config = replace(QUICK, length=3)
    module = WorldTraining(_small("view_embedding"), config).train()
    batch = TrainingWorlds(_worlds(), config).draw(0)
    optimizer = torch.optim.AdamW(module.parameters(), config.learning_rate)
    losses = [_step(module, batch, optimizer) for _ in range(40)]
    assert losses[-1] < 0.95 * losses[0]


def _step(module: WorldTraining, batch: WorldBatch, optimizer: torch.optim.Optimizer) -> float:
    loss = module.loss(batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _small(name: SystemName) -> MappingConfig:
    """A system with fewer channels."""
    mapping = SYSTEMS[name].structure()
    widths = {"block_widths": (8, 16, 16), "feature_channels": 16, "hidden_channels": 16, "value_size": 32}
    return replace(mapping, network=replace(mapping.network, **widths))


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for split, count in (("train", 12), ("validation", 6)):
        write_shard(shard_path(tmp_path / split, 0), _worlds(count), first=0, recipe={})
    return tmp_path


def _arguments(shards: Path, name: str, **changes: Any) -> Arguments:
    training = replace(QUICK, steps=4, evaluate_every=2, worlds=2, length=2, mirror=0.5, relight=True)
    base = Arguments(
        worlds=shards / "train",
        validation=shards / "validation",
        output=shards / f"{name}.safetensors",
        logs=shards / name,
        training=training,
        accelerator="cpu",
        progress=False,
    )
    return replace(base, **changes)


def test_a_resumed_training_ends_with_the_same_weights(shards: Path) -> None:
    whole = train(_arguments(shards, "whole"))
    assert whole.trainer.global_step == 4
    # interrupted after half of its steps: the schedule is that of the whole
    halfway = _arguments(shards, "half")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WorldTraining, "on_train_batch_start", lambda self, batch, index: _stop(self, 2), raising=False)
        before = train(halfway).minutes
    resumed = train(replace(halfway, resume=True))
    assert resumed.trainer.global_step == 4
    spent = torch.load(shards / "half" / "last.ckpt", weights_only=True)["minutes"]
    assert resumed.minutes > spent > 0.6 * before  # of the checkpoint at the end of the first half, and more
    # what training ended with; the modules come back with the best weights, which may be older
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


def test_training_may_begin_with_what_another_ended_with(shards: Path) -> None:
    first = _arguments(shards, "first")
    train(first)
    still = replace(first.training, learning_rate=1e-12, weight_decay=0.0)
    second = replace(first, initial=first.output, training=still, output=shards / "on.safetensors", logs=shards / "on")
    went_on = dict(train(second).network.named_parameters())
    for name, value in load_world_network(first.output)[0].named_parameters():
        torch.testing.assert_close(went_on[name], value, atol=1e-6, rtol=0)
    result = evaluate_command.evaluate(
        evaluate_command.Arguments(shards / "validation", second.output, card=shards / "on.md")
    )
    assert result["card"]["initial"].startswith("first.safetensors (4 steps, ")
    assert f"begun with {result['card']['initial']}" in (shards / "on.md").read_text()
    with pytest.raises(CheckpointError, match=r"first\.safetensors: no latent_vector for images of 32 x 32"):
        train(replace(second, system="latent_vector"))


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
    said = capsys.readouterr().out
    assert "learning rate 1e-09: validation loss" in said
    assert said.rstrip().endswith("best: --training.learning-rate 0.003")
    card = load_world_network(arguments.logs / "rate_0.003" / "short.safetensors")[2]
    assert (card["steps"], card["training"]["learning_rate"]) == (40, 3e-3)
    assert not arguments.output.exists()


def test_training_stops_when_it_gets_no_better(shards: Path) -> None:
    arguments = _arguments(shards, "stopped")
    training = replace(arguments.training, steps=60, evaluate_every=1, patience=2, learning_rate=1e-12)
    module = train(replace(arguments, training=training))
    assert module.trainer.global_step < 60
    assert load_world_network(arguments.output)[2]["stopped_early"]


def test_the_commands_train_and_evaluate_a_regression_on_shards(shards: Path) -> None:
    words = ["--system", "latent_vector_regression", "--training.steps", "2", "--training.worlds", "2"]
    words += ["--output", str(shards / "x.safetensors"), "--logs", str(shards / "x"), "--accelerator", "cpu"]
    command = [sys.executable, "-m", "dmn_ros.train_worlds", str(shards / "train"), "--no-progress"]
    subprocess.run([*command, "--validation", str(shards / "validation"), *words], check=True)
    result = evaluate_command.evaluate(
        evaluate_command.Arguments(
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
