"""Similarity of whole pictures: its effect on each pair, and learning where it is the only information."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from random_inputs import random_inputs
from torch import Tensor

from dmn_ros.config import NetworkConfig
from dmn_ros.network.dmn import DMN
from dmn_ros.network.projection import ProjectionObservation
from dmn_ros.network.view_similarity import ViewSimilarity
from localization_common.errors import ConfigError

A, N, Q, K = 2, 6, 3, 5


@pytest.fixture
def config(projection_config: NetworkConfig) -> NetworkConfig:
    return replace(projection_config, value_size=24, nearest_views=3, likeness=True)


def _observation(network: DMN) -> ProjectionObservation:
    assert isinstance(network.observation, ProjectionObservation)
    return network.observation


def _similarity(network: DMN) -> ViewSimilarity:
    similarity = _observation(network).likeness
    assert similarity is not None
    return similarity


@torch.no_grad()
def test_similarity_adds_nothing_before_training(config: NetworkConfig) -> None:
    network, without = DMN(config).eval(), DMN(replace(config, likeness=False)).eval()
    found = without.load_state_dict(network.state_dict(), strict=False)
    assert not found.missing_keys
    assert all(".likeness." in name for name in found.unexpected_keys)
    inputs = random_inputs(config, A, N, Q, K)
    torch.testing.assert_close(network(*inputs), without(*inputs), atol=0, rtol=0)


@torch.no_grad()
def test_each_pair_has_the_similarity_of_its_own_query_and_view(config: NetworkConfig) -> None:
    """Compare with a map of one view, where the similarity is added to the bias of the first layer."""
    torch.manual_seed(1)
    network = DMN(config).eval()
    similarity = _similarity(network)
    torch.nn.init.normal_(similarity.pair[-1].weight)
    views, poses, queries, particles = random_inputs(config, A, N, Q, K)
    far = poses + torch.arange(N)[:, None] * torch.tensor([50.0, 0.0, 0.0])
    for a, q, n in [(0, 0, 0), (1, 2, 5), (1, 0, 3)]:
        beside = particles[a, q] + torch.tensor([50.0 * n, 0.0, 0.0])
        view, query = views[a, n : n + 1], queries[a, q : q + 1]
        pair = similarity.pair(
            similarity.view(similarity.describe(view)) + similarity.query(similarity.describe(query))
        )[0]
        alone = DMN(replace(config, likeness=False, nearest_views=1)).eval()
        alone.load_state_dict(network.state_dict(), strict=False)
        _observation(alone).coordinates.bias += pair
        together = DMN(replace(config, nearest_views=1)).eval()
        together.load_state_dict(network.state_dict())
        expected = alone(view[None], far[a : a + 1, n : n + 1], query[None], beside[None, None])
        found = together(views[a : a + 1], far[a : a + 1], queries[a : a + 1], beside.expand(1, Q, K, 3))[:, q : q + 1]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)


def _parts(config: NetworkConfig, worlds: int) -> tuple[Tensor, ...]:
    """Draw a row of four parts of a map, each with its own colour; views look to the left, queries to the right."""
    places, left = torch.tensor([-0.9, -0.3, 0.3, 0.9]), math.pi / 2
    colours, part = torch.rand(worlds, 4, 3), torch.randint(4, (worlds, Q))
    poses = torch.stack([places, torch.zeros(4), torch.full((4,), left)], dim=-1).expand(worlds, 4, 3)

    def pictures(of: Tensor) -> Tensor:
        return of[..., None, None].expand(-1, -1, -1, config.image_height, config.image_width)

    query_colours = torch.gather(colours, 1, part[..., None].expand(-1, -1, 3))
    particles = (poses - torch.tensor([0.0, 0.0, 2.0 * left])).unsqueeze(1).expand(worlds, Q, 4, 3)
    return pictures(colours), poses, pictures(query_colours), particles, part


def _success(config: NetworkConfig) -> float:
    torch.manual_seed(3)
    network = DMN(config).train()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)

    def draw(worlds: int) -> tuple[Tensor, Tensor]:
        views, poses, queries, particles, part = _parts(config, worlds)
        prepared, query = network.prepare(views, poses, queries)
        return network.log_likelihood(prepared, query, particles), part

    for _ in range(150):
        log_likelihoods, part = draw(32)
        loss = torch.nn.functional.cross_entropy(log_likelihoods.flatten(0, 1), part.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        log_likelihoods, part = draw(128)
    return float((log_likelihoods.argmax(-1) == part).float().mean())


def test_places_are_learned_from_similar_pictures_in_opposite_directions(config: NetworkConfig) -> None:
    assert _success(config) > 0.7
    assert _success(replace(config, likeness=False)) < 0.4  # views and queries show different things


def test_only_projection_has_similarity(config: NetworkConfig) -> None:
    with pytest.raises(ConfigError, match="likeness needs observation 'projection'"):
        replace(config, observation="matching")
