"""Check of a belief before its pose is published: share of the densest cluster, agreement of a proposal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dmn_ros.filter.clusters import Cluster, covariance_about, densest_cluster
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localized_check import confirmed_covariance, confirmed_share, proposal_agreement, rejection_reason
from localization_common.geometry import planar

CONFIG = FilterConfig(cluster_d=0.5, cluster_a=0.4)


def cluster(x: float = 1.0, y: float = 2.0, yaw: float = 3.1) -> Cluster:
    return Cluster(np.array([x, y, yaw]), 0.3, np.eye(3) * 0.01)


def proposal(x: float = 1.0, y: float = 2.0, yaw: float = 3.1, std: float = 0.05) -> PlanarGaussian:
    return PlanarGaussian(np.array([x, y, yaw]), np.eye(3) * std**2)


def test_agreement_is_the_share_of_a_proposal_in_the_cluster() -> None:
    assert proposal_agreement(cluster(), None, CONFIG) == 0.0
    assert proposal_agreement(cluster(), proposal(), CONFIG) == 1.0
    assert proposal_agreement(cluster(), proposal(yaw=-3.1), CONFIG) == 1.0  # 0.08 rad away, over the half turn
    assert proposal_agreement(cluster(), proposal(x=1.8), CONFIG) == 0.0
    assert proposal_agreement(cluster(), proposal(yaw=2.5), CONFIG) == 0.0
    for std in (0.3, 0.6, 1.5):
        inside = (1.0 - math.exp(-0.5 * (0.5 / std) ** 2)) * math.erf(0.4 / std / math.sqrt(2.0))
        assert proposal_agreement(cluster(), proposal(std=std), CONFIG) == pytest.approx(inside, abs=0.1)


def test_a_confirmed_share_is_the_frequency_of_a_right_cluster() -> None:
    """Draw from the model of the formula: a wrong localizer is misled by the same views."""
    rng = np.random.default_rng(0)
    shares, trust, count = np.array([0.35, 0.25, 0.2, 0.2]), 0.8, 200_000
    truth, misled = (rng.choice(4, size=count, p=shares) for _ in range(2))
    chosen = np.where(rng.random(count) < trust, truth, misled)
    for k, share in enumerate(shares):
        right = (truth[chosen == k] == k).mean()
        assert confirmed_share(float(share), 1.0, trust) == pytest.approx(right, abs=0.01)
    assert confirmed_share(0.35, 0.0, trust) == 0.35
    assert confirmed_share(0.35, 1.0, 0.0) == 0.35
    assert 0.35 < confirmed_share(0.35, 0.5, trust) < confirmed_share(0.35, 1.0, trust) < 1.0


def test_a_confirmed_covariance_is_that_of_particles_weighed_anew() -> None:
    rng = np.random.default_rng(1)
    here = rng.normal((1.0, 2.0, 3.1), 0.08, (300, 3))  # over the half turn
    particles = np.concatenate([here, rng.uniform((-5.0, -5.0, -3.1), (5.0, 5.0, 3.1), (900, 3))])
    particles[:, 2] = planar.wrap_angle(particles[:, 2])
    weights = rng.dirichlet(np.full(len(particles), 5.0))
    found = densest_cluster(particles, weights, radius_d=0.5, radius_a=0.5)
    off = particles - found.pose
    off[:, 2] = planar.wrap_angle(off[:, 2])
    inside = (np.hypot(off[:, 0], off[:, 1]) <= 0.5) & (abs(off[:, 2]) <= 0.5)
    assert weights[inside].sum() == pytest.approx(found.share, abs=1e-9)
    for share in (found.share, 0.9):
        anew = weights * np.where(inside, share / found.share, (1.0 - share) / (1.0 - found.share))
        confirmed = confirmed_covariance(covariance_about(found.pose, particles, weights), found, share)
        np.testing.assert_allclose(confirmed, (off.T * anew) @ off, atol=1e-9)


def test_the_covariance_of_particles_that_are_all_in_one_cluster_needs_no_confirmation() -> None:
    particles, weights = np.array([[1.0, 2.0, 3.0], [1.1, 2.1, 3.1]]), np.array([0.5, 0.5])
    found = densest_cluster(particles, weights, radius_d=0.5, radius_a=0.5)
    confirmed = confirmed_covariance(covariance_about(found.pose, particles, weights), found, 1.0)
    np.testing.assert_allclose(confirmed, np.full((3, 3), 0.0025), atol=1e-9)


def test_rejection_reasons_have_the_missing_amount() -> None:
    assert rejection_reason(0.8, 0.0, CONFIG) == ""
    assert "too few images" in rejection_reason(0.8, 0.0, CONFIG, unconfirmed=True)
    assert rejection_reason(0.42, 3.0, CONFIG) == "the densest cluster holds 42.0% of the weight, 70% is needed"
    assert "fit the belief worse than the whole map: logarithm -1.5, -0.5 is needed" in rejection_reason(
        0.9, -1.5, CONFIG
    )
