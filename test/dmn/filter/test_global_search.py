"""Particles for the first image of a lost robot in a large map."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dmn_ros.filter import global_search
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.filter.planar_gaussian import PlanarGaussian

BOUNDS = (0.0, 0.0, 60.0, 20.0)
ROBOT = torch.tensor([41.0, 7.0, 1.0])


def _image(poses: torch.Tensor) -> torch.Tensor:
    """Log-likelihoods of an image that fits the robot's pose, and a little less another one."""
    other = torch.tensor([12.0, 15.0, -2.0])
    logs = []
    for place, fit in ((ROBOT, 12.0), (other, 11.0)):
        turn = torch.remainder(poses[:, 2] - place[2] + math.pi, 2 * math.pi) - math.pi
        square = (poses[:, :2] - place[:2]).square().sum(1) / 0.5**2 + (turn / 0.3).square()
        logs.append(fit - 0.5 * square)
    return torch.logaddexp(torch.stack(logs).logsumexp(0), torch.zeros(()))


def _views() -> torch.Tensor:
    return torch.rand(1200, 3, generator=torch.Generator().manual_seed(1)) * torch.tensor([60.0, 20.0, 6.28])


def test_coarse_poses_are_around_the_views_in_a_random_order() -> None:
    views = _views()
    poses = global_search.poses_around(views, torch.Generator().manual_seed(0))
    assert len(poses) == 4 * len(views)
    near = torch.cdist(poses[:, :2], views[:, :2]).min(dim=1)
    assert near.values.max() < 2.0
    assert (near.values < 2e-2).sum() >= len(views)
    assert abs(float(near.indices[:200].float().mean()) / len(views) - 0.5) < 0.1  # the first ones are all over the map


def test_the_particles_are_dense_where_the_image_fits_and_represent_the_uniform_belief() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = global_search.poses_around(_views(), generator)
    uniform = torch.rand(8000, 3, generator=generator) * torch.tensor([60.0, 20.0, 2 * math.pi])
    uniform[:, 2] -= math.pi
    particles, log_weights = global_search.focus(coarse, _image(coarse), uniform, BOUNDS, generator)
    weights = log_weights.exp()
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-4)
    near = (particles[:, :2] - ROBOT[:2]).norm(dim=1) < 1.0
    assert near.float().mean() > 0.04  # 0.003 of uniform particles
    assert float(weights[near].sum()) < 0.02  # 3 of 1200 square metres are that near
    assert float(weights[particles[:, 0] < 30.0].sum()) == pytest.approx(0.5, abs=0.05)
    # the integral of a Gaussian over the map, twice, and the background
    peak = (2 * math.pi) ** 1.5 * 0.5**2 * 0.3 * (math.exp(12.0) + math.exp(11.0))
    mean = 1.0 + peak / (60.0 * 20.0 * 2 * math.pi)
    assert float(weights @ _image(particles).exp()) == pytest.approx(mean, rel=0.15)


def test_a_filter_finds_the_robot_that_uniform_particles_miss() -> None:
    found = {}
    for focused in (False, True):
        config = FilterConfig(min_particles=100, max_particles=500, global_particles=1000)
        particle_filter = ParticleFilter(config, BOUNDS)
        particle_filter.seed(3)
        particle_filter.reset_uniform()
        coarse = particle_filter.draw_around(_views())
        assert particle_filter.untested
        assert particle_filter.elsewhere == 1.0
        if focused:
            particle_filter.focus(coarse, _image(coarse))
        particle_filter.weigh(_image(particle_filter.particles), _image(coarse))
        assert not particle_filter.untested
        near = (particle_filter.particles[:, :2] - ROBOT[:2]).norm(dim=1) < 1.0
        found[focused] = int(near.sum()), float(particle_filter.log_weights.exp()[near].sum())
    assert found[False][0] < 10
    assert found[True][0] > 40
    assert found[True][1] == pytest.approx(math.e / (1.0 + math.e), abs=0.3)  # two places, one fits e times as well


@pytest.mark.parametrize("focused", [False, True])
def test_a_saved_pose_keeps_its_probability(focused: bool) -> None:
    """Weigh an image that fits all poses alike: with probability 0.1 the robot is anywhere in the map."""
    particle_filter = ParticleFilter(FilterConfig(max_particles=500, global_particles=2000), BOUNDS)
    saved = PlanarGaussian(np.array([12.0, 15.0, -2.0]), np.diag([0.1**2, 0.1**2, 0.05**2]))
    particle_filter.reset_gaussian(saved, elsewhere=0.1)
    if focused:
        coarse = particle_filter.draw_around(_views())
        particle_filter.focus(coarse, _image(coarse))
    else:
        particle_filter.cover_map()
    particle_filter.weigh(torch.zeros(len(particle_filter.particles)), torch.zeros(16))
    far = (particle_filter.particles[:, :2] - torch.tensor([12.0, 15.0])).norm(dim=1) > 1.0
    assert float(particle_filter.log_weights.exp()[far].sum()) == pytest.approx(0.1, abs=0.005)
