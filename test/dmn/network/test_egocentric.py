"""Poses of views in the frames of particles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmn_ros.network import egocentric
from localization_common.geometry import planar

poses = st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(-7, 7))


def _turned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    difference = a - b
    difference[..., 2] = planar.wrap_angle(difference[..., 2])
    return np.abs(difference)


@given(poses, poses)
@settings(max_examples=50, deadline=None)
def test_relative_and_compose_agree_with_the_common_geometry(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    first, second = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    assert _turned(egocentric.relative(first, second).numpy(), planar.relative(np.array(a), np.array(b))).max() < 1e-9
    assert _turned(egocentric.compose(first, second).numpy(), planar.compose(np.array(a), np.array(b))).max() < 1e-9


def test_relative_does_not_change_when_the_whole_map_is_moved() -> None:
    particle, view = torch.tensor([0.3, -0.2, 1.0]), torch.tensor([-1.0, 0.7, -2.0])
    moved = torch.tensor([4.0, -3.0, 2.5])
    before = egocentric.relative(particle, view)
    after = egocentric.relative(egocentric.compose(moved, particle), egocentric.compose(moved, view))
    torch.testing.assert_close(egocentric.coordinates(before), egocentric.coordinates(after), atol=1e-5, rtol=0)


def test_moving_points_are_composed_with_the_motion() -> None:
    torch.manual_seed(0)
    points, motions = torch.randn(6, 3), torch.randn(4, 3)
    x, y, z = (matrix @ egocentric.point_motion(motions) for matrix in egocentric.moving_points(points))
    flat = torch.cat([points[:, :2], torch.zeros(6, 1)], dim=1)
    moved = egocentric.compose(motions, flat.unsqueeze(1))
    torch.testing.assert_close(torch.stack([x, y], dim=-1), moved[..., :2], atol=1e-5, rtol=0)
    torch.testing.assert_close(z, points[:, 2:].expand(-1, 4))


def test_a_view_two_ahead_and_one_to_the_left() -> None:
    particle = torch.tensor([1.0, 1.0, torch.pi / 2])  # looks along +y
    view = torch.tensor([0.0, 3.0, torch.pi])
    expected = torch.tensor([2.0, 1.0, 0.0, 1.0])
    torch.testing.assert_close(egocentric.coordinates(egocentric.relative(particle, view)), expected, atol=1e-6, rtol=0)


def test_fourier_features_hold_both_sides_and_have_the_period_of_their_frequencies() -> None:
    pose = torch.tensor([[0.4, -0.3, 0.9]])
    features = egocentric.fourier_features(pose, (2.0, 4.0))
    assert features.shape == (1, 4 + 16 + 6)
    inverse = planar.inverse(pose.numpy().astype(float))
    np.testing.assert_allclose(features[0, 2:4].numpy(), inverse[0, :2], atol=1e-6)
    waves = torch.outer(features[0, :4], torch.tensor([2.0, 4.0])).flatten()
    torch.testing.assert_close(features[0, 4:12], waves.sin())
    torch.testing.assert_close(features[0, -6:-3], (0.9 * torch.tensor([1.0, 2.0, 4.0])).cos())


def test_nearest_views_equal_a_sorted_loop() -> None:
    random = torch.Generator().manual_seed(0)
    views, particles = torch.randn(20, 3, generator=random) * 2, torch.randn(50, 3, generator=random) * 2
    chosen = egocentric.nearest_views(views, particles, 5, reach=0.7)
    for particle, indices in zip(particles, chosen, strict=True):
        distances = []
        for view in views:
            ahead = [pose[:2] + 0.7 * torch.stack([pose[2].cos(), pose[2].sin()]) for pose in (view, particle)]
            distances.append(float((view[:2] - particle[:2]).square().sum() + (ahead[0] - ahead[1]).square().sum()))
        assert set(indices.tolist()) == set(np.argsort(distances)[:5].tolist())


def test_nearest_views_prefer_the_same_heading_at_the_same_place() -> None:
    views = torch.tensor([[0.0, 0.0, torch.pi], [0.3, 0.0, 0.0]])
    assert egocentric.nearest_views(views, torch.zeros(1, 3), 1, reach=0.5).item() == 1


def test_fewer_views_than_the_count() -> None:
    assert egocentric.nearest_views(torch.zeros(2, 3), torch.zeros(4, 3), 8, reach=1.0).shape == (4, 2)


@pytest.mark.parametrize("angle", [-torch.pi, 0.0, 3.0 * torch.pi, 100.0])
def test_wrapped_angles_are_in_range_and_the_same_direction(angle: float) -> None:
    wrapped = egocentric.wrap_angle(torch.tensor(angle, dtype=torch.float64))
    assert -torch.pi <= float(wrapped) < torch.pi
    assert np.cos(float(wrapped)) == pytest.approx(np.cos(angle))


@given(poses, poses)
@settings(max_examples=50, deadline=None)
def test_coordinates_are_bilinear_in_view_and_particle(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    particle, view = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    product = egocentric.coordinate_matrix(view) @ egocentric.particle_coordinates(particle)
    expected = egocentric.coordinates(egocentric.relative(particle, view))
    torch.testing.assert_close(product, expected, atol=1e-9, rtol=0)


def test_one_nearest_view_is_the_first_of_several() -> None:
    torch.manual_seed(0)
    views, particles = torch.randn(40, 3), torch.randn(25, 3)
    several = egocentric.nearest_views(views, particles, 3, 0.3, in_order=True)
    assert torch.equal(egocentric.nearest_views(views, particles, 1, 0.3), several[:, :1])
