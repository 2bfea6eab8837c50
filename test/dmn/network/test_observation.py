"""Attention and observation model of the paper, against naive loops."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from dmn_ros.config import NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN
from dmn_ros.network.observation import AttentionObservation

A, N, Q, K = 2, 5, 3, 7


def _model() -> tuple[AttentionObservation, tuple[torch.Tensor, ...]]:
    torch.manual_seed(1)
    config = NetworkConfig.paper()
    model = AttentionObservation(config).eval()
    shape = (config.feature_channels, *config.grid)
    inputs = torch.randn(A, N, *shape), torch.rand(A, N, 3) * 2 - 1, torch.randn(A, Q, *shape), torch.randn(A, Q, K, 3)
    return model, inputs


@torch.no_grad()
def _naive(
    model: AttentionObservation, views: torch.Tensor, poses: torch.Tensor, query: torch.Tensor, particle: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights over the views and log-likelihood for one map, one query, one particle; view by view."""
    attention = model.attention
    key = attention.query_key(functional.relu(attention.query_conv(query[None])).flatten(1))[0]
    scores = []
    for view, pose in zip(views, poses, strict=True):
        dx, dy = (pose[:2] - particle[:2]).tolist()
        c, s = float(particle[2].cos()), float(particle[2].sin())
        turn = float(pose[2] - particle[2])
        channels = torch.tensor([c * dx + s * dy, -s * dx + c * dy, torch.tensor(turn).cos(), torch.tensor(turn).sin()])
        stacked = torch.cat([view, channels[:, None, None].expand(-1, *view.shape[1:])])
        view_key = attention.view_key(functional.relu(attention.view_conv(stacked[None])).flatten(1))[0]
        scores.append(float(view_key @ key) / len(key) ** 0.5)
    weights = torch.tensor(scores).softmax(0)
    attended = sum(w * v for w, v in zip(weights, views, strict=True))
    hidden = functional.relu(model.conv(torch.cat([attended, query])[None])).flatten(1)
    return weights, model.dense(hidden)[0, 0]


@torch.no_grad()
def test_attention_and_likelihood_equal_a_naive_loop() -> None:
    model, (views, poses, queries, particles) = _model()
    relative = egocentric.relative(particles.unsqueeze(3), poses[:, None, None])
    weights = model.attention(views, queries, egocentric.coordinates(relative))
    result = model.direct(views, poses, queries, particles)
    for a, q, k in [(0, 0, 0), (1, 2, 6), (0, 1, 3)]:
        expected_weights, expected = _naive(model, views[a], poses[a], queries[a, q], particles[a, q, k])
        torch.testing.assert_close(weights[a, q, k], expected_weights, atol=1e-5, rtol=0)
        torch.testing.assert_close(result[a, q, k], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_factorised_equals_direct() -> None:
    model, (views, poses, queries, particles) = _model()
    prepared = model.prepare_map(views, poses)
    fast = model.log_likelihood(prepared, model.prepare_query(prepared, queries), particles)
    direct = model.direct(views, poses, queries, particles)
    assert direct.std() > 1e-3  # the numbers differ between particles, so that equality means something
    torch.testing.assert_close(fast, direct, atol=1e-5, rtol=0)


def _lively(count: int, views: int) -> tuple[DMN, tuple[torch.Tensor, ...]]:
    """Build the paper's form with weights so large that particles differ by about one; one map, one query."""
    torch.manual_seed(3)
    config = NetworkConfig.paper()
    network = DMN(config).eval()
    model = network.observation
    assert isinstance(model, AttentionObservation)
    with torch.no_grad():
        model.attention.view_conv.weight[:, -4:] *= 10.0
        model.attention.query_key.weight *= 60.0
        model.dense[2].weight *= 10.0
    shape = (config.feature_channels, *config.grid)
    poses = [
        torch.rand(1, n, 3) * torch.tensor([2.0, 2.0, 6.2]) - torch.tensor([1.0, 1.0, 3.1]) for n in (views, count)
    ]
    return network, (torch.randn(1, views, *shape), poses[0], torch.randn(1, 1, *shape), poses[1][None])


@pytest.mark.parametrize(("count", "views"), [(2048, 1), (1000, 4), (300, 32)])
@torch.inference_mode()
def test_factorised_in_chunks_equals_direct(count: int, views: int) -> None:
    network, inputs = _lively(count, views)
    assert isinstance(network.observation, AttentionObservation)
    direct = network.observation.direct(*inputs)
    assert views == 1 or direct.std() > 0.1
    torch.testing.assert_close(network(*inputs), direct, atol=1e-5, rtol=0)


@torch.inference_mode()
def test_half_precision_keeps_differences_between_particles() -> None:
    network, inputs = _lively(512, 4)
    exact = network(*inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = network(*inputs).float()
    difference = half - exact
    assert 0.0 < (difference - difference.mean()).abs().max() < 0.1 * exact.std()


@torch.no_grad()
def test_the_order_of_the_views_does_not_matter() -> None:
    model, (views, poses, queries, particles) = _model()
    order = torch.randperm(N)
    torch.testing.assert_close(
        model.direct(views[:, order], poses[:, order], queries, particles),
        model.direct(views, poses, queries, particles),
        atol=1e-5,
        rtol=0,
    )


def test_gradients_of_factorised_and_direct_agree() -> None:
    model, (views, poses, queries, particles) = _model()
    gradients = []
    for fast in (False, True):
        model.zero_grad()
        if fast:
            prepared = model.prepare_map(views, poses)
            result = model.log_likelihood(prepared, model.prepare_query(prepared, queries), particles)
        else:
            result = model.direct(views, poses, queries, particles)
        result.square().sum().backward()
        gradients.append(model.attention.view_conv.weight.grad.clone())
    assert gradients[0].abs().max() > 1e-6
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-3)
