"""Tests of the shapes that the viewer draws; they skip where rerun-sdk is not installed."""

from __future__ import annotations

import numpy as np

from deep_localization.viewer import shapes
from deep_localization.viewer.place_drawing import bounds_of


def test_ellipse_is_at_two_standard_deviations() -> None:
    covariance = np.array([[0.04, 0.012], [0.012, 0.01]])
    ring = shapes.ellipse(np.array([3.0, -2.0, 0.5]), covariance)
    away = ring[:, :2] - [3.0, -2.0]
    mahalanobis = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
    np.testing.assert_allclose(mahalanobis, 2.0, atol=1e-9)
    np.testing.assert_allclose(ring[:, 2], 0.53)  # above the particles
    np.testing.assert_allclose(ring[0], ring[-1], atol=1e-9)


def test_a_singular_covariance_is_a_line() -> None:
    ring = shapes.ellipse(np.zeros(3), np.diag([0.09, -1e-18]))
    assert np.isfinite(ring).all()
    np.testing.assert_allclose(np.abs(ring[:, 0]).max(), 0.6, atol=0.01)


def test_bounds_are_of_all_points() -> None:
    bounds = bounds_of(np.array([[0.0, 1.0, 9.0]]), np.zeros((0, 3)), np.array([[-2.0, 3.0], [1.0, 0.5]]))
    np.testing.assert_allclose(bounds, [-2.0, 0.5, 1.0, 3.0])
    assert bounds_of(np.zeros((0, 3))) is None
