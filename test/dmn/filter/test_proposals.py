"""Proposals keep the posterior unbiased and raise the effective number of particles."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats

from dmn_ros.filter import resampling
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.network import egocentric
from localization_common.errors import InputError

BOUNDS = (-5.0, -4.0, 5.0, 4.0)
COUNT = 2000
CONFIG = FilterConfig(min_particles=COUNT, max_particles=COUNT, global_particles=COUNT, likelihood_exponent=1.0)
PEAK = torch.tensor([1.3, -0.6, 3.0])
#: Gaussian one standard deviation away from the peak in each coordinate, on the other side of half a turn.
PROPOSAL = PlanarGaussian(np.array([1.5, -0.8, -3.08]), np.diag([0.04, 0.04, 0.04]))


def _log_likelihood(poses: torch.Tensor, *, width: float) -> torch.Tensor:
    difference = poses - PEAK
    difference[:, 2] = egocentric.wrap_angle(difference[:, 2])
    return -0.5 * difference.square().sum(1) / width**2


def _posterior(prior: PlanarGaussian | None, share: float, width: float, trials: int) -> tuple[np.ndarray, float]:
    """Mean offsets (trials, 3) from the peak after one update, and the mean effective sample size."""
    filter_ = ParticleFilter(dataclasses.replace(CONFIG, proposal_share=share), BOUNDS)
    means, effective = [], []
    for trial in range(trials):
        filter_.seed(trial)
        filter_.reset_uniform()
        if prior is not None:
            filter_.reset_gaussian(prior)
        filter_.propose(PROPOSAL)
        filter_.weigh(_log_likelihood(filter_.particles, width=width), torch.zeros(8))
        offsets = filter_.particles - PEAK
        offsets[:, 2] = egocentric.wrap_angle(offsets[:, 2])
        means.append((filter_.log_weights.exp() @ offsets).numpy())
        effective.append(filter_.effective_sample_size)
    return np.array(means), float(np.mean(effective))


def test_a_wide_prior_gives_the_same_posterior_with_more_effective_particles() -> None:
    without, few = _posterior(None, 0.0, 0.25, 200)
    with_them, many = _posterior(None, 0.3, 0.25, 200)
    # a uniform prior leaves the peak where it is
    np.testing.assert_allclose(with_them.mean(0), np.zeros(3), atol=0.02)
    np.testing.assert_allclose(without.mean(0), with_them.mean(0), atol=0.03)
    assert many > 5.0 * few
    assert (with_them.std(0) < 0.5 * without.std(0)).all()


def test_proposals_add_no_weight_to_their_place() -> None:
    filter_ = ParticleFilter(CONFIG, BOUNDS)
    shares = []
    for _ in range(100):
        filter_.reset_uniform()
        filter_.propose(PROPOSAL)
        offsets = filter_.particles - torch.from_numpy(PROPOSAL.mean).float()
        offsets[:, 2] = egocentric.wrap_angle(offsets[:, 2])
        inside = (offsets.abs() < torch.tensor([1.0, 1.0, 0.8])).all(1)
        shares.append(float(filter_.log_weights[inside].exp().sum()))
    assert np.mean(shares) == pytest.approx(2.0 * 2.0 * 1.6 / (10.0 * 8.0 * 2.0 * np.pi), rel=0.08)


def test_a_prior_as_narrow_as_the_proposal_still_counts() -> None:
    """Compare with the closed form for two Gaussians, with a prior half a unit from the peak."""
    away, width = np.array([0.3, 0.2, -0.3]), 0.25
    prior = PlanarGaussian(PEAK.numpy() + away, np.diag([0.04, 0.04, 0.04]))
    expected = away * width**2 / (width**2 + 0.04)
    without, _ = _posterior(prior, 0.0, width, 40)
    with_them, _ = _posterior(prior, 0.3, width, 40)
    np.testing.assert_allclose(without.mean(0), expected, atol=0.01)
    np.testing.assert_allclose(with_them.mean(0), expected, atol=0.03)


def test_a_proposal_far_from_a_narrow_belief_changes_nothing() -> None:
    filter_ = ParticleFilter(CONFIG, BOUNDS)
    filter_.reset_gaussian(PlanarGaussian(np.array([-3.0, 2.0, 0.0]), np.eye(3) * 0.01))
    before = filter_.particles.clone()
    filter_.propose(PROPOSAL)
    assert len(filter_.particles) == COUNT + int(0.2 * COUNT)
    torch.testing.assert_close(filter_.particles[:COUNT], before)
    assert float(filter_.log_weights[COUNT:].exp().sum()) < 1e-4


def test_no_share_no_particles() -> None:
    filter_ = ParticleFilter(dataclasses.replace(CONFIG, proposal_share=0.0), BOUNDS)
    before, weights = filter_.particles.clone(), filter_.log_weights.clone()
    filter_.propose(PROPOSAL)
    assert torch.equal(filter_.particles, before)
    assert torch.equal(filter_.log_weights, weights)


def test_copies_of_one_particle_do_not_break_the_density() -> None:
    filter_ = ParticleFilter(CONFIG, BOUNDS)
    filter_.particles = PEAK.expand(COUNT, 3).clone()
    filter_.propose(PROPOSAL)
    assert torch.isfinite(filter_.log_weights).all()
    assert float(resampling.normalize(filter_.log_weights).exp().sum()) == pytest.approx(1.0, abs=1e-4)


_CORRELATED = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize("noise", [FilterConfig.min_noise_d, 1e-9, 0.0])
@pytest.mark.parametrize(
    "covariance",
    [
        np.zeros((3, 3)),
        np.diag([0.1, 0.1, 0.0]),
        0.1 * _CORRELATED,
        1e7 * _CORRELATED,
        1e13 * _CORRELATED,
        np.diag([0.1, 0.1, -1e-9]),
        1e6 * _CORRELATED - np.diag([0.0, 0.1, 0.0]),
    ],
    ids=["zero", "yaw 0", "correlated", "wide", "widest", "rounded", "rounded and wide"],
)
def test_every_covariance_of_a_proposal_can_be_used(covariance: np.ndarray, noise: float) -> None:
    """Localizers that publish no covariance (tags, ground truth) leave it zero."""
    filter_ = ParticleFilter(dataclasses.replace(CONFIG, min_noise_d=noise, min_noise_a=noise), BOUNDS)
    filter_.propose(PlanarGaussian(PEAK.double().numpy(), covariance))
    assert torch.isfinite(filter_.particles).all()
    assert torch.isfinite(filter_.log_weights).all()
    assert float(filter_.log_weights.exp().sum()) == pytest.approx(1.0, abs=1e-4)


def test_a_certain_proposal_finds_a_narrow_peak_and_adds_no_weight_to_it() -> None:
    config = dataclasses.replace(CONFIG, min_noise_d=0.0, min_noise_a=0.0)
    filter_ = ParticleFilter(config, BOUNDS)
    filter_.propose(PlanarGaussian(PEAK.double().numpy(), np.zeros((3, 3))))
    assert float(filter_.log_weights[COUNT:].exp().sum()) < 1e-3
    filter_.weigh(_log_likelihood(filter_.particles, width=0.01), torch.zeros(8))
    assert float(_log_likelihood(filter_.particles, width=0.01)[filter_.log_weights.argmax()]) > -1.0


def test_density_of_a_planar_gaussian() -> None:
    covariance = np.array([[0.2, 0.05, 0.0], [0.05, 0.1, 0.02], [0.0, 0.02, 0.04]])
    gaussian = PlanarGaussian(np.array([1.0, -1.0, 3.1]), covariance)
    poses = gaussian.sample(500, torch.Generator().manual_seed(0))
    assert poses[:, 2].abs().max() <= np.pi
    unwrapped = poses.numpy().astype(float)
    unwrapped[:, 2] %= 2.0 * np.pi
    expected = stats.multivariate_normal([1.0, -1.0, 3.1], covariance).logpdf(unwrapped)
    np.testing.assert_allclose(gaussian.log_density(poses).numpy(), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("mean", "covariance"),
    [
        ([0.0, 0.0, np.nan], np.eye(3)),
        ([0.0, 0.0], np.eye(3)),
        ([0.0, 0.0, 0.0], np.diag([1.0, -1.0, 1.0])),
        ([0.0, 0.0, 0.0], np.triu(np.ones((3, 3)))),
    ],
)
def test_impossible_gaussians_are_refused(mean: list[float], covariance: np.ndarray) -> None:
    with pytest.raises(InputError):
        PlanarGaussian(np.array(mean), covariance)
