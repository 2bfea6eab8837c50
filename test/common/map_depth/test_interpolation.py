"""Depth between points: planes are exact, and nothing is invented where no surface is known."""

from __future__ import annotations

import numpy as np

from localization_common.map_depth.interpolation import interpolate
from localization_common.map_depth.seen_points import SeenPoints, with_similar_neighbours


def grid(first: float, last: float, step: float) -> np.ndarray:
    x, y = np.meshgrid(np.arange(first, last + 1e-9, step), np.arange(first, last + 1e-9, step))
    return np.column_stack([x.ravel(), y.ravel()])


def on_plane(rays: np.ndarray) -> np.ndarray:
    """Depth of the plane 0.3 x + 0.1 y + z = 2 along rays at depth one."""
    return 2.0 / (rays @ (0.3, 0.1) + 1.0)


def test_depth_on_a_plane_is_exact_and_unknown_outside_of_the_points() -> None:
    corners = grid(-0.4, 0.4, 0.2)
    rays = grid(-0.8, 0.8, 0.05)
    depth = interpolate(SeenPoints(corners, on_plane(corners)), rays)
    inside = (np.abs(rays) < 0.4 - 1e-6).all(axis=1)
    np.testing.assert_allclose(depth[inside], on_plane(rays[inside]), rtol=1e-9)
    assert np.isnan(depth[(np.abs(rays) > 0.4 + 1e-6).any(axis=1)]).all()


def test_depth_between_a_near_and_a_far_surface_is_unknown() -> None:
    corners = grid(-0.4, 0.4, 0.2)
    depth = np.where(corners[:, 0] < -0.1, 1.0, 3.0)
    found = interpolate(SeenPoints(corners, depth), np.array([[-0.3, 0.05], [-0.1, 0.05], [0.3, 0.05]]))
    np.testing.assert_allclose(found, [1.0, np.nan, 3.0])


def test_triangles_over_a_large_part_of_the_image_are_no_surfaces() -> None:
    corners = np.array([[-0.4, -0.4], [0.4, -0.4], [0.0, 0.4]])
    assert np.isnan(interpolate(SeenPoints(corners, np.full(3, 2.0)), np.zeros((1, 2)))).all()
    assert interpolate(SeenPoints(0.5 * corners, np.full(3, 2.0)), np.zeros((1, 2)))[0] == 2.0


def test_too_few_points_and_points_on_a_line_give_no_depth() -> None:
    line = np.column_stack([np.linspace(-0.2, 0.2, 5), np.zeros(5)])
    for points in (line, line[:2], line[:0]):
        assert np.isnan(interpolate(SeenPoints(points, np.ones(len(points))), grid(-0.1, 0.1, 0.05))).all()


def test_points_without_neighbours_of_a_similar_depth_are_left_out() -> None:
    rays = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [0.05, 0.05], [0.9, 0.9]])
    kept = with_similar_neighbours(SeenPoints(rays, np.array([2.0, 2.1, 1.95, 4.0, 2.0])))
    np.testing.assert_array_equal(kept.depth, [2.0, 2.1, 1.95])
    assert len(with_similar_neighbours(SeenPoints(rays[:2], np.full(2, 2.0)))) == 0
