"""Observation model by matching: comparison with loops over particles and views, and invariances."""

from __future__ import annotations

import torch
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN
from dmn_ros.network.view_matching import MatchingObservation

A, N, Q, K = 2, 6, 3, 9


def _inputs(config: NetworkConfig) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(2)
    shape = (config.feature_channels, *config.grid)
    return torch.randn(A, N, *shape), torch.randn(A, N, 3), torch.randn(A, Q, *shape), torch.randn(A, Q, K, 3)


def _naive_pair(model: MatchingObservation, view: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """Features of one pair: correlation of each cell with each cell, then one convolution over all channels at once."""
    rows, columns = view.shape[1:]
    correlation = torch.zeros(rows * columns, rows, columns)
    for p in range(rows * columns):
        for r in range(rows):
            for c in range(columns):
                a, b = query.flatten(1)[:, p], view[:, r, c]
                correlation[p, r, c] = 3.0 * functional.cosine_similarity(a, b, dim=0)
    pairs = model.pair_features
    weight = torch.cat([pairs.from_correlation.weight, pairs.from_view.weight, pairs.from_query.weight], dim=1)
    stacked = torch.cat([correlation, view, query])[None]
    return pairs.tail(functional.conv2d(stacked, weight, pairs.from_view.bias, padding=1))[0]


@torch.no_grad()
def test_equals_a_naive_loop(tiny_network: DMN, tiny_config: NetworkConfig) -> None:
    model = tiny_network.observation
    assert isinstance(model, MatchingObservation)
    views, poses, queries, particles = _inputs(tiny_config)
    prepared = model.prepare_map(views, poses)
    result = model.log_likelihood(prepared, model.prepare_query(prepared, queries), particles)
    assert result.std() > 1e-4
    for a, q, k in [(0, 0, 0), (1, 2, 8), (1, 0, 4)]:
        chosen = egocentric.nearest_views(poses[a], particles[a, q, k : k + 1], 4, model.reach)[0].tolist()
        both = model.query(queries[a, q][None])[0]
        summary, query_key = both[:8], both[8:] / 8**0.5
        values, scores = [], []
        for n in chosen:
            relative = egocentric.relative(particles[a, q, k], poses[a, n])
            gate = model.gate(egocentric.fourier_features(relative, tiny_config.frequencies))
            pair = _naive_pair(model, views[a, n], queries[a, q])
            read = model.read(functional.relu(pair * gate[:16].tanh() + gate[16:]))
            values.append(read[:8])
            scores.append(read[8:] @ query_key)
        weights = torch.stack(scores).softmax(0)
        attended = sum(w * v for w, v in zip(weights, values, strict=True))
        expected = model.output(model.dense(functional.relu(torch.cat([attended, summary]))))[0]
        torch.testing.assert_close(result[a, q, k], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_chunks_and_order_of_views_do_not_matter(tiny_network: DMN, tiny_config: NetworkConfig) -> None:
    views, poses, queries, particles = _inputs(tiny_config)
    whole = tiny_network(views, poses, queries, particles)
    order = torch.randperm(N)
    torch.testing.assert_close(
        tiny_network(views[:, order], poses[:, order], queries, particles), whole, atol=1e-5, rtol=0
    )
    prepared = tiny_network.prepare_map(views, poses)
    chunked = tiny_network.log_likelihood(prepared, tiny_network.prepare_query(prepared, queries), particles, chunk=4)
    torch.testing.assert_close(chunked, whole, atol=1e-5, rtol=0)


@torch.no_grad()
def test_moving_map_and_particles_together_changes_nothing(tiny_network: DMN, tiny_config: NetworkConfig) -> None:
    views, poses, queries, particles = _inputs(tiny_config)
    moved = torch.tensor([0.7, -0.4, 1.3])
    torch.testing.assert_close(
        tiny_network(views, egocentric.compose(moved, poses), queries, egocentric.compose(moved, particles)),
        tiny_network(views, poses, queries, particles),
        atol=2e-5,
        rtol=0,
    )


@torch.no_grad()
def test_a_view_far_from_every_particle_is_not_read(tiny_network: DMN, tiny_config: NetworkConfig) -> None:
    views, poses, queries, particles = _inputs(tiny_config)
    far = poses.clone()
    far[:, -1, 0] = 100.0
    changed = views.clone()
    changed[:, -1] += 5.0
    torch.testing.assert_close(
        tiny_network(changed, far, queries, particles), tiny_network(views, far, queries, particles)
    )


def test_a_fingerprint_names_the_context_embedding(tiny_network: DMN) -> None:
    before = tiny_network.context_fingerprint()
    with torch.no_grad():
        next(tiny_network.query_embedding.parameters()).add_(1.0)
    assert tiny_network.context_fingerprint() == before
    with torch.no_grad():
        next(tiny_network.context_embedding.parameters()).add_(1e-3)
    assert tiny_network.context_fingerprint() != before
