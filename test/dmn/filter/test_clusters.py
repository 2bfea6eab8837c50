"""Summaries of particles against hand-made beliefs."""

from __future__ import annotations

import numpy as np

from dmn_ros.filter.clusters import densest_cluster, mean_and_covariance


def _two_heaps(share: float, count: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    first = random.normal([2.0, 1.0, 3.1], [0.1, 0.1, 0.1], (count, 3))
    second = random.normal([-3.0, -1.0, 0.0], [0.1, 0.1, 0.1], (count, 3))
    weights = np.concatenate([np.full(count, share / count), np.full(count, (1 - share) / count)])
    return np.concatenate([first, second]), weights


def test_the_densest_cluster_is_the_heavier_heap_not_the_mean_between() -> None:
    particles, weights = _two_heaps(0.6)
    cluster = densest_cluster(particles, weights, radius_d=0.6, radius_a=0.6)
    np.testing.assert_allclose(cluster.pose, [2.0, 1.0, 3.1], atol=0.02)
    np.testing.assert_allclose(cluster.share, 0.6, atol=0.01)
    np.testing.assert_allclose(cluster.covariance, np.eye(3) * 0.01, atol=0.002)
    mean, covariance = mean_and_covariance(particles, weights)
    np.testing.assert_allclose(mean[:2], [0.0, 0.2], atol=0.05)
    np.testing.assert_allclose(covariance[0, 0], 0.6 * 0.4 * 25 + 0.01, rtol=0.02)


def test_few_heavy_particles_beat_many_light_ones() -> None:
    particles = np.concatenate([np.zeros((1000, 3)), np.full((3, 3), 2.0)])
    weights = np.concatenate([np.full(1000, 0.0002), np.full(3, 0.8 / 3)])
    cluster = densest_cluster(particles, weights, radius_d=0.3, radius_a=0.3)
    np.testing.assert_allclose(cluster.pose, [2.0, 2.0, 2.0])
    np.testing.assert_allclose(cluster.share, 0.8)


def test_headings_are_averaged_on_the_circle() -> None:
    particles = np.array([[0.0, 0.0, np.pi - 0.05], [0.0, 0.0, -np.pi + 0.05]])
    mean, covariance = mean_and_covariance(particles, np.array([0.5, 0.5]))
    assert abs(abs(mean[2]) - np.pi) < 1e-9
    np.testing.assert_allclose(covariance[2, 2], 0.05**2)
    cluster = densest_cluster(particles, np.array([0.5, 0.5]), radius_d=0.3, radius_a=0.3)
    np.testing.assert_allclose(cluster.share, 1.0)


def test_same_place_but_opposite_heading_is_another_cluster() -> None:
    particles = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 0.0, 3.0]])
    cluster = densest_cluster(particles, np.array([0.3, 0.3, 0.4]), radius_d=0.3, radius_a=0.3)
    np.testing.assert_allclose(cluster.pose, [0.0, 0.0, 0.05], atol=1e-9)
