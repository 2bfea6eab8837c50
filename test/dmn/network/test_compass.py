"""Compass: comparison with a loop over views, invariances, and learning."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from random_inputs import random_inputs
from torch import Tensor

from dmn_ros.config import NetworkConfig
from dmn_ros.network.compass import Compass
from dmn_ros.network.dmn import DMN
from dmn_ros.network.projection import ProjectionObservation
from localization_common.errors import ConfigError

A, N, Q, K, ORDER = 2, 4, 3, 6, 3


@pytest.fixture
def config(projection_config: NetworkConfig) -> NetworkConfig:
    return replace(projection_config, value_size=24, compass=ORDER)


@pytest.fixture
def network(config: NetworkConfig) -> DMN:
    torch.manual_seed(1)
    network = DMN(config).eval()
    torch.nn.init.normal_(_compass(network).pair[-1].weight)
    return network


def _compass(network: DMN) -> Compass:
    assert isinstance(network.observation, ProjectionObservation)
    assert network.observation.compass is not None
    return network.observation.compass


@pytest.fixture
def inputs(config: NetworkConfig) -> tuple[Tensor, ...]:
    return random_inputs(config, A, N, Q, K)


def _headings(network: DMN, views: Tensor, poses: Tensor, queries: Tensor, headings: Tensor) -> Tensor:
    found = network.heading_log_likelihood(network.prepare_query(network.prepare_map(views, poses), queries), headings)
    assert found is not None
    return found


@torch.no_grad()
def test_equals_a_loop_over_views(network: DMN, inputs: tuple[Tensor, ...]) -> None:
    views, poses, queries, particles = inputs
    compass = _compass(network)
    weights = torch.tensor([[1.0, 0.3, 0.6, 0.9], [0.5, 1.0, 0.1, 0.7]])
    prepared = network.reweighted(network.prepare_map(views, poses), weights)
    found = network.heading_log_likelihood(network.prepare_query(prepared, queries), particles[..., 2])
    assert found is not None
    assert found.std() > 1e-2
    for a, q, k in [(0, 0, 0), (1, 2, 5), (1, 0, 3)]:
        expected = 0.0
        described = compass.query(compass.describe(queries[a, q : q + 1]))
        for n in range(N):
            pair = compass.pair(compass.describe_view(views[a, n : n + 1]) + described)[0].tolist()
            turn = float(particles[a, q, k, 2] - poses[a, n, 2])
            for i in range(ORDER):
                wave = pair[i] * math.cos((i + 1) * turn) + pair[ORDER + i] * math.sin((i + 1) * turn)
                expected += float(weights[a, n]) * wave
        assert float(found[a, q, k]) == pytest.approx(expected, abs=1e-5)


@torch.no_grad()
def test_only_turns_between_views_and_particles_count(network: DMN, inputs: tuple[Tensor, ...]) -> None:
    views, poses, queries, particles = inputs
    found = _headings(network, views, poses, queries, particles[..., 2])
    turned = poses + torch.tensor([3.0, -2.0, 0.7])  # views elsewhere, and all turned
    same = _headings(network, views, turned, queries, particles[..., 2] + 0.7)
    torch.testing.assert_close(same, found, atol=1e-5, rtol=0)
    assert (_headings(network, views, turned, queries, particles[..., 2]) - found).abs().max() > 1e-2


@torch.no_grad()
def test_it_is_added_to_the_log_likelihood_of_the_nearest_views(
    network: DMN, config: NetworkConfig, inputs: tuple[Tensor, ...]
) -> None:
    views, poses, queries, particles = inputs
    found = _headings(network, views, poses, queries, particles[..., 2])
    without = DMN(replace(config, compass=0)).eval()
    without.load_state_dict({k: v for k, v in network.state_dict().items() if ".compass." not in k})
    expected = without(views, poses, queries, particles) + found
    torch.testing.assert_close(network(views, poses, queries, particles), expected, atol=1e-5, rtol=0)
    prepared = without.prepare_map(views, poses)
    assert without.heading_log_likelihood(without.prepare_query(prepared, queries), particles[..., 2]) is None


def _sunny(config: NetworkConfig, worlds: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw pictures of one colour, a function of the turn from the camera to the sun of the world."""
    sun, poses = 2.0 * math.pi * torch.rand(worlds, 1), torch.randn(worlds, N + Q, 3) * torch.tensor([1.0, 1.0, 3.0])
    turn = sun - poses[..., 2]
    colours = 0.5 + 0.4 * torch.stack([turn.cos(), turn.sin(), torch.zeros_like(turn)], dim=-1)
    images = colours[..., None, None].expand(-1, -1, -1, config.image_height, config.image_width)
    return images[:, :N], poses[:, :N], images[:, N:], poses[:, N:, 2]


def test_headings_are_learned_from_light_from_one_side(config: NetworkConfig) -> None:
    torch.manual_seed(3)
    network = DMN(config)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)

    def quarter_log_likelihoods(worlds: int) -> Tensor:
        views, poses, queries, truth = _sunny(config, worlds)
        _, query = network.train().prepare(views, poses, queries)
        found = network.heading_log_likelihood(query, truth[..., None] + torch.arange(4) * (math.pi / 2))
        assert found is not None
        return found.log_softmax(-1)

    assert (quarter_log_likelihoods(8) == -math.log(4.0)).all()  # no effect before training
    for _ in range(200):
        loss = -quarter_log_likelihoods(32)[..., 0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (quarter_log_likelihoods(64).argmax(-1) == 0).float().mean()
    assert right > 0.9


def test_only_projection_has_a_compass(config: NetworkConfig) -> None:
    with pytest.raises(ConfigError, match="compass"):
        replace(config, observation="matching")
    with pytest.raises(ConfigError, match="compass"):
        replace(config, compass=-1)
