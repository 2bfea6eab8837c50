"""Lenses against trigonometry, and the observation model by projection against a loop over particles and cells."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from random_inputs import random_inputs
from torch import Tensor
from torch.nn import functional

from dmn_ros.config import MappingConfig, NetworkConfig
from dmn_ros.network import egocentric
from dmn_ros.network.dmn import DMN, build_observation
from dmn_ros.network.lens_angles import Lens, build_lens
from dmn_ros.network.map_rotation import PlaceFeatures
from dmn_ros.network.projection import ProjectionObservation
from localization_common.errors import ConfigError

A, N, Q, K = 2, 5, 2, 9
#: Number of views that a particle reads.
NEAREST = 3
ANGLES = (60.0, 360.0)


def _wide(config: NetworkConfig, angle: float) -> NetworkConfig:
    """Set the view angle; grids have 4 x 4 cells, those of panoramas 4 x 8."""
    width = 32 if angle == 360.0 else config.image_width
    return replace(config, image_width=width, view_angle=angle, nearest_views=NEAREST)


@pytest.fixture(params=ANGLES, ids=["pinhole", "panorama"])
def config(request: pytest.FixtureRequest, projection_config: NetworkConfig) -> NetworkConfig:
    return _wide(projection_config, request.param)


@pytest.fixture
def network(config: NetworkConfig) -> DMN:
    torch.manual_seed(1)
    return DMN(config).eval()


def _places(lens: Lens, points: Tensor) -> Tensor:
    """Project points (P, 3) of a view at the camera's own pose: (2, P)."""
    at_camera = egocentric.point_motion(torch.zeros(1, 3))
    return lens.places(lens.rows(points) @ at_camera).squeeze(-1)


def _place(lens: Lens, point: Tensor) -> list[float]:
    place: list[float] = _places(lens, point[None]).squeeze(-1).tolist()
    return place


@torch.no_grad()
def test_points_on_the_ray_of_a_cell_project_into_the_cell(config: NetworkConfig) -> None:
    lens, (rows, columns) = build_lens(config), config.grid
    for depth in (0.2, 3.0):
        places = _places(lens, depth * lens.rays()).view(2, rows, columns)
        wide = columns + 2 if lens.wraps else columns
        across = (torch.arange(columns) * 2.0 - (columns - 1)) / wide
        down = (torch.arange(rows) * 2.0 - (rows - 1)) / rows
        torch.testing.assert_close(places[0], across.expand(rows, -1), atol=1e-5, rtol=0)
        torch.testing.assert_close(places[1], down[:, None].expand(-1, columns), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_pinhole_picture_ends_where_its_angle_does(projection_config: NetworkConfig) -> None:
    lens, edge = build_lens(_wide(projection_config, 60.0)), math.tan(math.radians(30.0))
    left, right = (_place(lens, torch.tensor([2.0, 2.0 * side * edge, 0.0])) for side in (1, -1))
    assert left == pytest.approx([-1.0, 0.0], abs=1e-6)
    assert right == pytest.approx([1.0, 0.0], abs=1e-6)
    assert _place(lens, torch.tensor([1.0, 0.0, edge])) == pytest.approx([0.0, -1.0], abs=1e-6)
    near = torch.tensor(0.05)
    just_nearer = float(torch.nextafter(near, torch.tensor(0.0)))
    for behind in ([-1.0, 0.0, 0.0], [-0.01, 0.0, 0.0], [0.0, 0.0, 0.0], [just_nearer, 0.0, 0.0]):
        assert abs(_place(lens, torch.tensor(behind))[0]) > 2.0
    assert _place(lens, torch.tensor([float(near), 0.0, 0.0])) == pytest.approx([0.0, 0.0], abs=1e-6)


@torch.no_grad()
def test_a_panorama_shows_points_behind_at_both_borders(projection_config: NetworkConfig) -> None:
    lens = build_lens(_wide(projection_config, 360.0))
    wide = 8 / 10  # of ten columns, the outer two are repeated ones
    assert _place(lens, torch.tensor([-1.0, 1e-6, 0.0])) == pytest.approx([-wide, 0.0], abs=1e-5)
    assert _place(lens, torch.tensor([-1.0, -1e-6, 0.0])) == pytest.approx([wide, 0.0], abs=1e-5)
    assert _place(lens, torch.tensor([0.0, 1.0, 0.0])) == pytest.approx([-wide / 2, 0.0], abs=1e-5)
    assert _place(lens, torch.tensor([1.0, 0.0, 1.0]))[1] == pytest.approx(-0.5, abs=1e-5)  # 45 of 90 degrees


def _looked_up(model: ProjectionObservation, query: Tensor, view: Tensor, relative: Tensor) -> Tensor:
    """Look up each cell of a view in the query's picture, cell after cell: (P (G + 1),)."""
    lens, (rows, columns), parts = model.lens, query.shape[1:], model.parts
    wide = columns + 2 if lens.wraps else columns
    depth = functional.softplus(model.depth(view[None]).flatten() + model.cell_depth) + 0.05
    query_parts = functional.normalize(model.describe_query(query[None])[0].unflatten(0, (parts, -1)), dim=1)
    view_parts = functional.normalize(model.describe_view(view[None])[0].unflatten(0, (parts, -1)), dim=1).flatten(2)
    met = []
    for p, ray in enumerate(lens.rays()):
        x, y, z = (depth[p] * ray).tolist()
        cos, sin = math.cos(relative[2]), math.sin(relative[2])
        point = torch.tensor([cos * x - sin * y + float(relative[0]), sin * x + cos * y + float(relative[1]), z])
        across, down = _place(lens, point)
        column, row = (across + 1) * wide / 2 - 0.5 - (1 if lens.wraps else 0), (down + 1) * rows / 2 - 0.5
        found = torch.zeros(parts + 1)
        for r in (math.floor(row), math.floor(row) + 1):
            for c in (math.floor(column), math.floor(column) + 1):
                inside = 0 <= r < rows and (lens.wraps or 0 <= c < columns)
                if inside:
                    agreed = 3.0 * (query_parts[:, :, r, c % columns] * view_parts[:, :, p]).sum(1)
                    found += (1 - abs(row - r)) * (1 - abs(column - c)) * torch.cat([agreed, torch.ones(1)])
        met.append(found)
    return torch.cat(met)


@torch.no_grad()
def test_equals_a_naive_loop(network: DMN, config: NetworkConfig) -> None:
    model = network.observation
    assert isinstance(model, ProjectionObservation)
    views, poses, queries, particles = random_inputs(config, A, N, Q, K)
    weights = torch.tensor([[1.0, 0.3, 0.6, 0.9, 0.4], [0.5, 1.0, 0.1, 0.7, 0.2]])
    prepared = network.reweighted(network.prepare_map(views, poses), weights)
    result = network.log_likelihood(prepared, network.prepare_query(prepared, queries), particles)
    assert result.std() > 1e-3
    for a, q, k in [(0, 0, 0), (1, 1, 8), (1, 0, 4)]:
        pairs = []
        chosen = egocentric.nearest_views(poses[a], particles[a, q, k : k + 1], NEAREST, model.reach)[0]
        for n in chosen.tolist():
            relative = egocentric.relative(particles[a, q, k], poses[a, n])
            position = model.coordinates(egocentric.fourier_features(relative, config.frequencies))
            appearance = model.looked_up(_looked_up(model, queries[a, q], views[a, n], relative))
            pairs.append(torch.relu(model.pair(torch.relu(position + appearance))))
        both = torch.stack(pairs)
        attention = (model.weight(both) + weights[a, chosen].log()[:, None]).softmax(0)
        kept = weights[a, chosen][:, None] * both
        mean, most = kept.sum(0) / weights[a, chosen].sum(), kept.max(0).values
        joined = torch.cat([(attention * both).sum(0), mean, most, model.query(queries[a, q][None])[0]])
        torch.testing.assert_close(result[a, q, k], model.dense(joined)[0], atol=1e-5, rtol=0)


@torch.no_grad()
def test_chunks_and_the_order_of_views_do_not_matter(network: DMN, config: NetworkConfig) -> None:
    views, poses, queries, particles = random_inputs(config, A, N, Q, K)
    whole = network(views, poses, queries, particles)
    prepared = network.prepare_map(views, poses)
    chunked = network.log_likelihood(prepared, network.prepare_query(prepared, queries), particles, chunk=4)
    torch.testing.assert_close(chunked, whole, atol=1e-5, rtol=0)
    turned = network(views.flip(1), poses.flip(1), queries, particles)
    torch.testing.assert_close(turned, whole, atol=1e-5, rtol=0)


def test_parts_that_stay_in_the_cache_equal_the_whole_with_gradients(network: DMN, config: NetworkConfig) -> None:
    inputs = random_inputs(config, A, N, Q, 900)
    whole = network(*inputs)
    assert whole.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(network(*inputs), whole.detach(), atol=1e-5, rtol=0)


@torch.no_grad()
def test_views_of_no_weight_and_far_ones_do_not_matter(network: DMN, config: NetworkConfig) -> None:
    views, poses, queries, particles = random_inputs(config, A, N, Q, K)
    far = poses.clone()
    far[:, -1, 0] = 100.0
    expected = network(views[:, :NEAREST], poses[:, :NEAREST], queries, particles)
    prepared = network.prepare_map(views[:, :NEAREST], poses[:, :NEAREST])
    weighed = network.reweighted(prepared, torch.tensor([[1.0, 1.0, 1e-9]]).expand(A, -1))
    found = network.log_likelihood(weighed, network.prepare_query(weighed, queries), particles)
    torch.testing.assert_close(found, network(views[:, :2], poses[:, :2], queries, particles), atol=1e-5, rtol=0)
    assert (found - expected).abs().max() > 1e-3
    with_far = [torch.cat([part[:, :NEAREST], part[:, -1:]], dim=1) for part in (views, far)]
    torch.testing.assert_close(network(*with_far, queries, particles), expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_features_of_the_place_are_added_in_the_last_layers(config: NetworkConfig) -> None:
    """Compare with a network without the place that has the same weights otherwise."""
    torch.manual_seed(1)
    network = DMN(config, build_observation(MappingConfig(config, coordinates="both"))).eval()
    plain, placed = DMN(config).eval(), network.observation
    assert isinstance(placed, ProjectionObservation)
    assert isinstance(plain.observation, ProjectionObservation)
    assert placed.place is not None
    shared = 3 * config.hidden_channels + config.value_size
    weights = {name: value for name, value in network.state_dict().items() if ".place." not in name}
    weights["observation.dense.0.weight"] = placed.dense[0].weight[:, :shared]
    plain.load_state_dict(weights)
    views, poses, queries, particles = random_inputs(config, A, N, Q, K)
    summary = placed.query(queries.flatten(0, 1)).unflatten(0, (A, Q))
    place_features, first = placed.place(summary, particles), placed.dense[0]
    expected = placed.dense[1:](
        _first_layer(plain, views, poses, queries, particles) + place_features @ first.weight[:, shared:].T
    )
    torch.testing.assert_close(network(views, poses, queries, particles), expected.squeeze(-1), atol=1e-5, rtol=0)


def _first_layer(network: DMN, *inputs: Tensor) -> Tensor:
    """Compute the output of the first dense layer: the input of its activation."""
    found: list[Tensor] = []
    activation = network.observation.dense[1]  # type: ignore[union-attr,index]
    handle = activation.register_forward_pre_hook(lambda module, given: found.append(given[0].clone()))
    network(*inputs)
    handle.remove()
    return found[0]


@torch.no_grad()
def test_beyond_the_edge_of_the_map_every_place_is_alike(projection_config: NetworkConfig) -> None:
    torch.manual_seed(0)
    place, summary = PlaceFeatures(_wide(projection_config, 60.0)), torch.randn(A, Q, 8)
    particles = torch.tensor([[1.5, 0.2, 0.4], [4.0, 0.2, 0.4], [1.4, 0.2, 0.4]]).expand(A, Q, 3, 3)
    at_edge, beyond, inside = place(summary, particles).unbind(2)
    torch.testing.assert_close(at_edge, beyond)
    assert (at_edge - inside).abs().max() > 1e-3


def test_depths_and_lens_are_learned_from_log_likelihoods(network: DMN, config: NetworkConfig) -> None:
    views, poses, queries, particles = random_inputs(config, A, N, Q, K)
    network(views, poses, queries, particles).sum().backward()
    for name, parameter in network.observation.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert network.observation.depth.weight.grad.abs().max() > 0  # type: ignore[union-attr]
    assert all(float(p.grad.abs()) > 0 for p in network.observation.lens.parameters())  # type: ignore[union-attr]


@pytest.mark.parametrize("angle", [0.0, 180.0, 270.0, -60.0])
def test_angles_that_are_no_pictures_are_refused(projection_config: NetworkConfig, angle: float) -> None:
    with pytest.raises(ConfigError, match="view_angle"):
        _wide(projection_config, angle)
