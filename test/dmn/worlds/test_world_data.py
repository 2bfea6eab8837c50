"""Batches of worlds: views, queries, beliefs and particles."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from drawn_worlds import QUICK, circles, coded

from dmn_ros.network import egocentric
from dmn_ros.worlds.world_config import BeliefConfig
from dmn_ros.worlds.world_data import TrainingWorlds, local_beliefs


def test_local_beliefs_have_the_deviations_of_their_configuration() -> None:
    truth = np.zeros((200, 20, 3))
    particles, means = local_beliefs(truth, 50, BeliefConfig(), np.random.default_rng(0))
    sigma = torch.tensor([0.3, 0.3, 0.5236])
    torch.testing.assert_close(means.flatten(0, 1).std(0), sigma, rtol=0.05, atol=0)
    torch.testing.assert_close((particles - means[:, :, None]).flatten(0, 2).std(0), sigma, rtol=0.05, atol=0)


def test_batches_depend_on_step_and_seed_and_queries_are_not_in_the_map() -> None:
    worlds, config = circles(), replace(QUICK, length=3, contexts=4, mirror=0.5, relight=True, recolour=0.5)
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


def test_a_mirrored_world_has_the_pictures_of_a_mirrored_camera() -> None:
    """Compare the batches of the same step with and without mirror."""
    worlds = circles(1)
    config = replace(QUICK, worlds=1)
    plain, mirrored = (TrainingWorlds(worlds, replace(config, mirror=share)).draw(5) for share in (0.0, 1.0))
    assert torch.equal(plain.view_images.flip(-1), mirrored.view_images)
    assert torch.equal(plain.query_poses * torch.tensor([1.0, -1.0, -1.0]), mirrored.query_poses)


def test_a_turned_world_has_the_same_pictures_at_turned_poses() -> None:
    """Check that each quarter is frequent, views and queries turn together, and particles are near the truth."""
    worlds, turns = circles(1), []
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
    batch = TrainingWorlds(coded(4), replace(QUICK, particles=40_000)).draw(0)
    off = (batch.particles - batch.query_poses[:, :, :1]).abs()
    for metres, radians in ((0.05, 0.1), (0.2, 0.3)):  # where most particles of either kind are
        inside = (off[..., :2] < metres).all(-1) & (off[..., 2] < radians)
        volume = (inside / batch.log_density.exp()).mean()
        assert float(volume) == pytest.approx(8.0 * metres * metres * radians, rel=0.1)
    assert float((1.0 / batch.log_density.exp()).mean()) > 0.9 * 4.0 * 2.0 * np.pi
