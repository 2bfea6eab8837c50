"""Systems of the tables: sizes, factorised evaluation and coordinate frames."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dmn_ros.config import MappingConfig, NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN
from dmn_ros.network.frames import COORDINATE_FRAMES
from dmn_ros.network.mapping_baselines import LatentImageObservation, LatentVectorObservation, MeanObservation
from dmn_ros.network.observation import AttentionObservation
from dmn_ros.network.systems import SYSTEMS, SystemName, build_network, parameter_count
from localization_common.errors import ConfigError

A, N, Q, K = 2, 4, 3, 5
FILTERS = [name for name, system in SYSTEMS.items() if system.structure().algorithm == "filter"]
REGRESSIONS = [name for name in SYSTEMS if name not in FILTERS]


def _inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw view images and poses, query images, particles."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(A * (N + Q), 3, 3, 3, generator=generator)  # pictures that differ as wholes
    images = functional.interpolate(coarse, size=32, mode="bilinear").unflatten(0, (A, N + Q))
    poses = torch.rand(A, N, 3, generator=generator) * 2 - 1
    return images[:, :N], poses, images[:, N:], torch.rand(A, Q, K, 3, generator=generator) * 2 - 1


def _network(name: SystemName) -> DMN:
    """Build a network with larger weights than initial ones, so that attention differs between particles."""
    torch.manual_seed(1)
    network = build_network(SYSTEMS[name].structure()).eval()
    with torch.no_grad():
        for embedding in (network.context_embedding, network.query_embedding):
            for parameter in embedding.parameters():
                parameter.mul_(3.0 if parameter.dim() > 1 else 1.0)
    return network


def _channels(features: Tensor, coordinates: Tensor) -> Tensor:
    """Append coordinates (c) to an image (C, h, w) as channels, as in the paper."""
    return torch.cat([features, coordinates[:, None, None].expand(-1, *features.shape[1:])])[None]


def _direct(network: DMN, views: Tensor, poses: Tensor, query: Tensor, particle: Tensor) -> Tensor:
    """Compute outputs (O,) for one map, one query and one particle without any split."""
    model = network.observation
    pose, relu = egocentric.coordinates(particle), functional.relu
    own = [egocentric.coordinates(view_pose) for view_pose in poses]
    if isinstance(model, LatentImageObservation):
        parts = [relu(model.map_conv(relu(model.view_conv(_channels(v, c))))) for v, c in zip(views, own, strict=True)]
        query_features = relu(model.queries.conv(_channels(query, pose)))
        joined = torch.cat([torch.stack(parts).mean(0), query_features], dim=1)
        return model.head.dense(relu(model.head.conv(joined)).flatten(1))[0]
    if isinstance(model, LatentVectorObservation):
        parts = [
            model.view_vector(relu(model.view_conv(_channels(v, c))).flatten(1))
            for v, c in zip(views, own, strict=True)
        ]
        query_features = relu(model.query_vector(relu(model.queries.conv(_channels(query, pose))).flatten(1)))
        return model.output(relu(model.from_map(torch.stack(parts).mean(0)) + model.from_query(query_features)))[0]
    assert isinstance(model, MeanObservation)
    coordinates = [model.frame.coordinates(particle, view_pose) for view_pose in poses]
    parts = [relu(model.view_conv(_channels(v, c))) for v, c in zip(views, coordinates, strict=True)]
    joined = torch.cat([torch.stack(parts).mean(0), model.query(query[None])], dim=1)
    return model.head.dense(relu(model.head.conv(joined)).flatten(1))[0]


def test_every_name_is_a_system_of_about_as_many_parameters() -> None:
    assert set(SYSTEMS) == set(get_args(SystemName))
    for size in ((32, 32), (208, 104)):
        counts = {name: parameter_count(system.structure(*size)) for name, system in SYSTEMS.items()}
        reference = counts["view_embedding"]
        assert all(0.8 * reference <= count <= 1.2 * reference for count in counts.values()), counts


@pytest.mark.parametrize("name", ["latent_image", "latent_vector", "mean_over_views", "latent_image_regression"])
@torch.no_grad()
def test_outputs_equal_the_direct_evaluation(name: SystemName) -> None:
    network, (views, poses, queries, particles) = _network(name), _inputs()
    prepared, query = network.prepare(views, poses, queries)
    fast = network.observation.read(prepared, query, particles)  # type: ignore[union-attr,arg-type]
    embedded = network.context_embedding(views.flatten(0, 1)).unflatten(0, (A, N))
    embedded_queries = network.query_embedding(queries.flatten(0, 1)).unflatten(0, (A, Q))
    for a, q, k in [(0, 0, 0), (1, 2, 4), (0, 1, 3)]:
        expected = _direct(network, embedded[a], poses[a], embedded_queries[a, q], particles[a, q, k])
        torch.testing.assert_close(fast[a, q, :, k], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_attention_in_global_coordinates_equals_the_direct_evaluation() -> None:
    network, (views, poses, queries, particles) = _network("global_coordinates"), _inputs()
    assert isinstance(network.observation, AttentionObservation)
    prepared, query = network.prepare(views, poses, queries)
    embedded = network.context_embedding(views.flatten(0, 1)).unflatten(0, (A, N))
    embedded_queries = network.query_embedding(queries.flatten(0, 1)).unflatten(0, (A, Q))
    expected = network.observation.direct(embedded, poses, embedded_queries, particles)
    torch.testing.assert_close(network.log_likelihood(prepared, query, particles), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", COORDINATE_FRAMES)
def test_coordinates_are_products_of_a_part_of_particles_and_one_of_views(name: str) -> None:
    frame, (_, poses, _, particles) = COORDINATE_FRAMES[name], _inputs()
    product = frame.matrix(poses)[:, None, None] @ frame.points(particles)[:, :, :, None, :, None]
    expected = frame.coordinates(particles[:, :, :, None], poses[:, None, None])
    assert expected.shape[-1] == frame.channels
    torch.testing.assert_close(product.squeeze(-1), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", FILTERS)
@torch.no_grad()
def test_only_egocentric_networks_do_not_depend_on_the_map_frame(name: SystemName) -> None:
    network, (views, poses, queries, particles) = _network(name), _inputs()
    motion = torch.tensor([0.4, -0.3, 1.1])
    likelihoods = []
    for where in (lambda pose: pose, lambda pose: egocentric.compose(motion, pose)):
        prepared, query = network.prepare(views, where(poses), queries)
        likelihoods.append(network.log_likelihood(prepared, query, where(particles)))
    difference = float((likelihoods[0] - likelihoods[1]).abs().max() / likelihoods[0].std(dim=-1).mean())
    if SYSTEMS[name].structure().coordinates == "egocentric":
        assert difference < 1e-3
    else:
        assert difference > 0.3


@pytest.mark.parametrize("name", FILTERS)
@torch.no_grad()
def test_particles_differ_and_the_order_of_views_does_not_matter(name: SystemName) -> None:
    network, (views, poses, queries, particles) = _network(name), _inputs()
    prepared, query = network.prepare(views, poses, queries)
    result = network.log_likelihood(prepared, query, particles)
    assert (result.std(dim=-1) > 1e-5).all()
    prepared, query = network.prepare(views.flip(1), poses.flip(1), queries)
    torch.testing.assert_close(network.log_likelihood(prepared, query, particles), result, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", REGRESSIONS)
@torch.no_grad()
def test_a_regression_is_relative_to_the_belief(name: SystemName) -> None:
    network, (views, poses, queries, particles) = _network(name), _inputs()
    beliefs = particles[:, :, 0]
    prepared, query = network.prepare(views, poses, queries)
    outputs = network.observation.read(prepared, query, beliefs.unsqueeze(2)).squeeze(-1)  # type: ignore[union-attr,arg-type]
    found = egocentric.relative(beliefs, network.estimate(prepared, query, beliefs))
    torch.testing.assert_close(found[..., :2], outputs[..., :2], atol=1e-5, rtol=1e-5)


def test_combinations_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ConfigError, match="latent_image map has no egocentric"):
        MappingConfig(map="latent_image")
    matching = replace(NetworkConfig.paper(), observation="matching")
    with pytest.raises(ConfigError, match="'matching' is a filter"):
        MappingConfig(matching, algorithm="regression")
    with pytest.raises(ConfigError, match="'both' with 'projection' only"):
        MappingConfig(matching, coordinates="both")
