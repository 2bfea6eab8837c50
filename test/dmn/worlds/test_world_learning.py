"""Learning of a tiny world by every system."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from drawn_worlds import QUICK, circles
from torch import Tensor

from dmn_ros.config import MappingConfig
from dmn_ros.network.dmn import DMN
from dmn_ros.network.systems import SYSTEMS, SystemName
from dmn_ros.worlds.world_config import WorldTrainingConfig
from dmn_ros.worlds.world_data import TrainingWorlds, WorldBatch
from dmn_ros.worlds.world_training import WorldTraining

TRACKING = replace(QUICK, objective="tracking")


@pytest.mark.parametrize("name", list(SYSTEMS))
@pytest.mark.parametrize("config", [QUICK, TRACKING], ids=["softmax", "tracking"])
def test_every_system_learns_a_tiny_world(name: SystemName, config: WorldTrainingConfig) -> None:
    torch.manual_seed(0)
    config = replace(config, learning_rate=2e-3)
    module = WorldTraining(_small(name), config).train()
    batch = TrainingWorlds(circles(), config, regression="regression" in name).draw(0)
    optimizer = torch.optim.AdamW(module.parameters(), config.learning_rate)
    losses = [_step(module, batch, optimizer) for _ in range(60)]
    idle = "network.observation.attention.view_key.bias"  # the same for all views: no attention depends on it
    gradients = {n: p.grad for n, p in module.named_parameters() if n != idle}
    assert all(g is not None and torch.isfinite(g).all() for g in gradients.values())
    assert losses[-1] < 0.7 * losses[0]


def test_a_compass_learns_headings_in_training_and_adds_no_validation_loss() -> None:
    torch.manual_seed(0)
    module, plain = (WorldTraining(_small("projection_compass"), replace(QUICK, heading_weight=w)) for w in (3.0, 0.0))
    plain.load_state_dict(module.state_dict())
    worlds = TrainingWorlds(circles(), QUICK)
    with torch.no_grad():
        beside = module.train().loss(worlds.draw(0)) - plain.train().loss(worlds.draw(0))
        assert beside.item() == pytest.approx(3.0 * math.log(4.0), rel=1e-4)  # chance is one of four
        assert module.eval().loss(worlds.draw(0)) == plain.eval().loss(worlds.draw(0))
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3)
    for step in range(120):
        _step(module.train(), worlds.draw(step), optimizer)
    right = torch.cat([_is_right_quarter(module.network, worlds.draw(step)) for step in range(120, 136)])
    assert right.float().mean() > 0.7  # 128 queries; chance is a quarter


def _is_right_quarter(network: DMN, batch: WorldBatch) -> Tensor:
    """Return flags (A, Q): True for queries whose heading is more likely than those quarters of a turn off."""
    with torch.no_grad():
        _, query = network.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
        turns = batch.query_poses.flatten(1, 2)[..., 2:] + torch.tensor([0.0, 0.5, 1.0, 1.5]) * math.pi
        log_likelihoods = network.heading_log_likelihood(query, turns)
    assert log_likelihoods is not None
    return log_likelihoods.argmax(-1) == 0


def test_a_compass_waits_until_there_is_something_to_compare() -> None:
    batch = TrainingWorlds(circles(), QUICK).draw(0)
    module = WorldTraining(_small("projection_compass"), replace(QUICK, heading_after=0.5)).train()
    module.loss(batch).backward()
    waiting = {name for name, value in module.named_parameters() if value.grad is None}
    assert waiting == {name for name, _ in module.named_parameters() if ".compass." in name}


def test_gradients_pass_through_resampling() -> None:
    torch.manual_seed(0)
    config = replace(QUICK, length=3)
    module = WorldTraining(_small("view_embedding"), config).train()
    batch = TrainingWorlds(circles(), config).draw(0)
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
    """Configure a system with fewer channels."""
    mapping = SYSTEMS[name].structure()
    widths = {"block_widths": (8, 16, 16), "feature_channels": 16, "hidden_channels": 16, "value_size": 32}
    return replace(mapping, network=replace(mapping.network, **widths))
