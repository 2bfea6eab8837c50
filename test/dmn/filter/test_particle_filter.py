"""Run-time filter: comparison with a Kalman filter, number of particles, and recovery."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from dmn_ros.filter.adaptive_size import kld_sample_size
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian

BOUNDS = (-5.0, -4.0, 5.0, 4.0)
REFERENCE = torch.zeros(16)
LINEAR = FilterConfig(
    min_particles=20_000,
    max_particles=20_000,
    global_particles=20_000,
    alpha1=0.0,
    alpha2=0.0,
    alpha3=0.0,
    alpha4=0.0,
    min_noise_d=0.2,
    min_noise_a=0.05,
    likelihood_exponent=1.0,
)


def _filter(config: FilterConfig, seed: int = 0) -> ParticleFilter:
    particle_filter = ParticleFilter(config, BOUNDS)
    particle_filter.seed(seed)
    particle_filter.reset_uniform()
    return particle_filter


def test_agrees_with_a_kalman_filter_on_a_linear_gaussian_system() -> None:
    """Keep the heading near zero with nearly no noise, so that x and y are linear in the motion."""
    config = dataclasses.replace(LINEAR, min_noise_a=1e-6)
    particle_filter = _filter(config)
    mean, covariance = np.array([0.5, -0.3]), np.array([[0.5, 0.1], [0.1, 0.3]])
    full = np.zeros((3, 3))
    full[:2, :2] = covariance
    particle_filter.reset_gaussian(PlanarGaussian(np.array([*mean, 0.0]), full))
    random, noise = np.random.default_rng(0), 0.4
    truth = np.array([0.8, 0.1])
    for _ in range(8):
        motion = np.array([0.3, -0.1])
        truth = truth + motion
        measured = truth + random.normal(size=2) * noise
        # the particle filter
        particle_filter.move(torch.tensor([*motion, 0.0], dtype=torch.float32))
        away = particle_filter.particles[:, :2] - torch.from_numpy(measured).float()
        particle_filter.weigh(-0.5 * away.square().sum(-1) / noise**2, REFERENCE)
        weights = particle_filter.log_weights.exp()
        estimate = (weights[:, None] * particle_filter.particles[:, :2]).sum(0).numpy()
        spread = np.cov(particle_filter.particles[:, :2].numpy().T, aweights=weights.numpy())
        particle_filter.resample()
        # the Kalman filter
        mean, covariance = mean + motion, covariance + np.eye(2) * config.min_noise_d**2
        gain = covariance @ np.linalg.inv(covariance + np.eye(2) * noise**2)
        mean, covariance = mean + gain @ (measured - mean), (np.eye(2) - gain) @ covariance
        np.testing.assert_allclose(estimate, mean, atol=0.02)
        np.testing.assert_allclose(spread, covariance, atol=0.01)


def test_a_uniform_belief_fills_the_map() -> None:
    particles = _filter(FilterConfig(global_particles=5000)).particles.numpy()
    assert particles.min(0) == pytest.approx([-5.0, -4.0, -math.pi], abs=0.02)
    assert particles.max(0) == pytest.approx([5.0, 4.0, math.pi], abs=0.02)
    np.testing.assert_allclose(particles.std(0), np.array([10.0, 8.0, 2 * math.pi]) / math.sqrt(12), rtol=0.03)


def test_a_gaussian_belief_has_its_mean_and_covariance() -> None:
    particle_filter = _filter(LINEAR)
    covariance = np.array([[0.2, 0.05, 0.0], [0.05, 0.1, 0.02], [0.0, 0.02, 0.04]])
    mean = np.array([1.0, -1.0, 0.5])
    particle_filter.reset_gaussian(PlanarGaussian(mean, covariance))
    np.testing.assert_allclose(particle_filter.particles.mean(0).numpy(), mean, atol=0.015)
    np.testing.assert_allclose(np.cov(particle_filter.particles.numpy().T), covariance, atol=0.01)


def test_resampling_waits_for_a_low_effective_number_and_its_interval() -> None:
    config = FilterConfig(min_particles=100, max_particles=100, global_particles=100, resample_interval=2)
    particle_filter = _filter(config)
    sharp = torch.zeros(100)
    sharp[7] = 50.0
    particle_filter.weigh(torch.zeros(100), REFERENCE)
    particle_filter.weigh(torch.zeros(100), REFERENCE)
    assert not particle_filter.resample()  # all weights equal
    particle_filter.weigh(sharp, REFERENCE)
    assert not particle_filter.resample()  # third image: the interval is 2
    seventh = particle_filter.particles[7].clone()
    particle_filter.weigh(torch.zeros(100), REFERENCE)
    assert particle_filter.resample()
    torch.testing.assert_close(particle_filter.particles, seventh.expand(100, 3))
    assert particle_filter.effective_sample_size == pytest.approx(100.0)


def test_the_exponent_flattens_the_likelihood() -> None:
    particle_filter = _filter(
        FilterConfig(min_particles=2, max_particles=2, global_particles=2, likelihood_exponent=0.25)
    )
    particle_filter.weigh(torch.tensor([0.0, 0.0]), REFERENCE)
    particle_filter.weigh(torch.tensor([0.0, 4.0]), REFERENCE)
    assert float(particle_filter.log_weights[1] - particle_filter.log_weights[0]) == pytest.approx(1.0)


def test_the_first_image_of_a_lost_robot_counts_in_full_and_is_not_enough() -> None:
    particle_filter = _filter(
        FilterConfig(min_particles=2, max_particles=2, global_particles=2, likelihood_exponent=0.25)
    )
    particle_filter.weigh(torch.tensor([0.0, 4.0]), REFERENCE)
    assert float(particle_filter.log_weights[1] - particle_filter.log_weights[0]) == pytest.approx(4.0)
    assert particle_filter.of_few_images
    particle_filter.weigh(torch.tensor([0.0, 4.0]), REFERENCE)
    assert float(particle_filter.log_weights[1] - particle_filter.log_weights[0]) == pytest.approx(5.0)
    assert not particle_filter.of_few_images
    particle_filter.reset_gaussian(PlanarGaussian(np.zeros(3), np.eye(3)))
    particle_filter.weigh(torch.tensor([0.0, 4.0]), REFERENCE)
    assert not particle_filter.of_few_images  # the pose was known before


def test_the_number_of_particles_is_that_of_kld_sampling() -> None:
    """Beliefs in one place need few particles, in two places more, and everywhere the largest number."""
    config = FilterConfig(min_particles=50, max_particles=1000, global_particles=4000, pf_err=0.02)
    for cells, expected in [(1, 50), (4, 285), (8, 463), (400, 1000)]:
        particle_filter = _filter(config)
        particle_filter.particles[:, 0] = (torch.arange(4000) * 2 * cells // 4000) * config.cell_d + 0.1
        particle_filter.particles[:, 1:] = 0.1
        # half of the cells have no weight
        particle_filter.weigh(
            torch.where(particle_filter.particles[:, 0] < cells * config.cell_d, 0.0, -99.0), REFERENCE
        )
        assert particle_filter.resample()
        assert len(particle_filter.particles) == expected
    assert [kld_sample_size(bins, 0.02, config.pf_z) for bins in (4, 8)] == [285, 463]


def test_a_resampled_belief_keeps_its_mean_whatever_the_number_of_particles() -> None:
    """Draw many particles and keep a systematic part of them: this is unbiased, too."""
    config = FilterConfig(min_particles=37, max_particles=2000, global_particles=2000, cell_d=20.0, cell_a=7.0)
    particle_filter = _filter(config)
    start, values = particle_filter.particles, torch.randn(2000, generator=torch.Generator().manual_seed(1))
    weights = torch.softmax(values * 2.0, 0)
    means = []
    for _ in range(200):
        particle_filter._start(start)
        particle_filter.weigh(4.0 * values, REFERENCE)  # the exponent halves it
        assert particle_filter.resample()
        means.append(particle_filter.particles.mean(0))
    assert len(particle_filter.particles) < 500
    found, expected = torch.stack(means), weights @ start
    error = (found.mean(0) - expected) / (found.std(0) / math.sqrt(200))
    assert error.abs().max() < 4.0


def test_a_belief_over_the_whole_map_has_more_particles_for_one_image() -> None:
    particle_filter = _filter(FilterConfig(min_particles=50, max_particles=300, global_particles=4000))
    assert len(particle_filter.particles) == 4000
    particle_filter.weigh(torch.zeros(4000), REFERENCE)
    assert particle_filter.resample()  # although all weights are equal
    assert len(particle_filter.particles) == 300


def _kidnapped_share(config: FilterConfig) -> float:
    """Share of the particles near B, twelve images after the peak of the likelihood moved from A to B."""
    a, b = torch.tensor([-3.0, -2.0]), torch.tensor([3.0, 2.0])
    particle_filter = _filter(config)

    def observe(place: torch.Tensor) -> None:
        poses = torch.cat([particle_filter.particles, particle_filter.draw_uniform(256)])
        values = torch.maximum(-(poses[:, :2] - place).square().sum(-1) / (2 * 0.4**2), torch.tensor(-8.0))
        particle_filter.move(torch.zeros(3))
        particle_filter.weigh(*values.split([len(particle_filter.particles), 256]))
        particle_filter.resample()

    for _ in range(15):
        observe(a)
    assert float(((particle_filter.particles[:, :2] - a).norm(dim=1) < 1.0).float().mean()) > 0.8
    for _ in range(12):
        observe(b)
    return float(((particle_filter.particles[:, :2] - b).norm(dim=1) < 1.0).float().mean())


def test_a_kidnapped_robot_is_found_with_recovery_and_stays_lost_without() -> None:
    base = FilterConfig(
        min_particles=500,
        max_particles=1000,
        global_particles=1000,
        likelihood_exponent=1.0,
        recovery_alpha_slow=0.0,
        recovery_alpha_fast=0.0,
    )
    with_recovery = dataclasses.replace(base, recovery_alpha_slow=0.05, recovery_alpha_fast=0.5)
    assert _kidnapped_share(with_recovery) > 0.6
    assert _kidnapped_share(base) == 0.0


def test_recovery_may_draw_all_particles_anew() -> None:
    config = FilterConfig(global_particles=500, recovery_max=1.0, recovery_alpha_slow=0.01, recovery_alpha_fast=1.0)
    particle_filter = _filter(config)
    particle_filter.weigh(torch.zeros(500), REFERENCE)
    particle_filter.weigh(torch.full((500,), -200.0), REFERENCE)
    before = particle_filter.particles
    assert particle_filter.resample()
    assert not torch.isin(particle_filter.particles[:, 0], before[:, 0]).any()


def test_recovery_draws_by_likelihood() -> None:
    """Use two reference poses, one e times as likely as the other; draws have half a cell of noise."""
    count = 4000
    config = FilterConfig(
        min_particles=count,
        max_particles=count,
        global_particles=count,
        recovery_max=1.0,
        recovery_alpha_slow=0.01,
        recovery_alpha_fast=1.0,
        likelihood_exponent=0.5,
    )
    particle_filter = _filter(config)
    reference = torch.tensor([[-3.0, -2.0, 3.1], [2.0, 1.0, 0.0]])
    particle_filter.weigh(torch.zeros(count), torch.zeros(2))
    particle_filter.weigh(torch.full((count,), -200.0), torch.tensor([0.0, 2.0]))
    assert particle_filter.resample(reference)
    drawn = particle_filter.particles
    assert drawn[:, 2].abs().max() <= math.pi
    right = drawn[:, 0] > -0.5
    assert float(right.float().mean()) == pytest.approx(math.e / (1.0 + math.e), abs=0.01)
    offsets = drawn[right] - reference[1]
    np.testing.assert_allclose(offsets.mean(0), 0.0, atol=0.02)
    np.testing.assert_allclose(offsets.std(0), [config.cell_d / 2, config.cell_d / 2, config.cell_a / 2], rtol=0.05)


def test_recovery_does_not_depend_on_the_likelihood_s_unit() -> None:
    """Likelihoods have an unknown factor for each image, which must not cause recovery."""
    config = FilterConfig(
        min_particles=200, max_particles=200, global_particles=200, recovery_alpha_slow=0.1, recovery_alpha_fast=0.9
    )
    averages = []
    for offset in (0.0, 30.0):
        particle_filter = _filter(config)
        for i in range(5):
            values = -particle_filter.particles[:, 0].abs() + offset * i
            particle_filter.weigh(values, REFERENCE + offset * i)
        averages.append((particle_filter.slow, particle_filter.fast))
    assert averages[0] == pytest.approx(averages[1], rel=1e-3)


def test_the_fit_of_a_uniform_belief_is_that_of_the_map() -> None:
    """Use few reference poses, hardly any of them near the place of the image."""
    config = FilterConfig(min_particles=100, max_particles=2000, global_particles=8000)
    for seed in range(5):
        particle_filter = ParticleFilter(config, (-5.0, -5.0, 5.0, 5.0))
        particle_filter.seed(seed)
        particle_filter.reset_uniform()
        parts = particle_filter.particles, particle_filter.draw_uniform(64)
        particle_filter.weigh(*(-0.5 * part[:, :2].square().sum(1) / 0.1**2 for part in parts))
        assert abs(particle_filter.fit) < 0.1


def test_fit_is_higher_for_a_right_belief_than_for_a_wrong_one() -> None:
    """Likelihood is 10 within a metre of the origin and 1 elsewhere; the unit is the mean over the reference poses."""

    def fit(at: float, images: int = 4) -> float:
        particle_filter = _filter(FilterConfig(global_particles=500, likelihood_exponent=1.0))
        particle_filter.reset_gaussian(PlanarGaussian(np.array([at, 0.0, 0.0]), np.eye(3) * 1e-4))
        for _ in range(images):
            poses = torch.cat([particle_filter.particles, particle_filter.draw_uniform(4000)])
            values = torch.where(poses[:, :2].norm(dim=1) < 1.0, math.log(10.0), 0.0)
            particle_filter.weigh(*values.split([len(particle_filter.particles), 4000]))
        return particle_filter.fit

    unit = math.log(1 + 9 * math.pi / 80)
    assert fit(0.0) == pytest.approx(math.log(10.0) - unit, abs=0.05)
    assert fit(3.0) == pytest.approx(-unit, abs=0.05)


def test_same_seed_same_particles() -> None:
    runs = []
    for _ in range(2):
        particle_filter = _filter(FilterConfig(), seed=3)
        for _ in range(3):
            particle_filter.move(torch.tensor([0.2, 0.0, 0.1]))
            particle_filter.weigh(-particle_filter.particles[:, 0].abs() * 5, REFERENCE)
            particle_filter.resample()
        runs.append(particle_filter.particles)
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(_filter(FilterConfig(), seed=4).particles, _filter(FilterConfig(), seed=3).particles)


def test_an_image_that_fits_no_particle_puts_only_a_settled_belief_in_doubt() -> None:
    """A right belief that is still wide has few particles that an image fits."""
    config = FilterConfig(min_particles=100, max_particles=400)
    for deviation, settled in ((0.1, True), (1.5, False)):
        particle_filter = ParticleFilter(config, (0.0, 0.0, 20.0, 20.0))
        particle_filter.seed(0)
        particle_filter.reset_gaussian(PlanarGaussian(np.array([5.0, 5.0, 0.0]), np.diag([deviation**2] * 3)))
        reference = torch.zeros(64)
        assert particle_filter.doubtful(torch.zeros(400), reference) is settled
        assert not particle_filter.doubtful(torch.full((400,), 10.0), reference)
        particle_filter.weigh(torch.full((400,), 10.0), reference)
        assert particle_filter.doubtful(torch.zeros(len(particle_filter.particles)), reference)
