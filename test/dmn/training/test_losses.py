"""Objectives against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from dmn_ros.filter import resampling
from dmn_ros.training import losses


def test_mean_yaw_is_circular() -> None:
    particles = torch.tensor([[0.0, 0.0, math.pi - 0.1], [2.0, 1.0, -math.pi + 0.1]])
    mean = losses.mean_pose(particles, torch.tensor([0.5, 0.5]).log())
    torch.testing.assert_close(mean[:2], torch.tensor([1.0, 0.5]))
    assert abs(float(mean[2])) == pytest.approx(math.pi, abs=1e-6)


def test_error_wraps_the_yaw_and_weighs_it_by_a_half() -> None:
    estimate, truth = torch.tensor([1.0, 2.0, 3.1]), torch.tensor([0.0, 0.0, -3.1])
    turn = 2 * math.pi - 6.2
    assert float(losses.pose_error(estimate, truth)) == pytest.approx(5.0 + 0.5 * turn**2, rel=1e-5)


def test_softmax_objective_is_least_for_the_target_itself() -> None:
    torch.manual_seed(0)
    particles, truth = torch.randn(4, 30, 3), torch.randn(4, 3)
    difference = particles - truth[:, None]
    turn = torch.atan2(difference[..., 2].sin(), difference[..., 2].cos())
    log_target = -0.5 * (difference[..., :2].square().sum(-1) / 0.4**2 + turn.square() / 0.3**2)
    best = losses.softmax_objective(particles, log_target, truth, target_d=0.4, target_a=0.3)
    entropy = torch.distributions.Categorical(logits=log_target).entropy()
    torch.testing.assert_close(best, entropy)
    worse = losses.softmax_objective(particles, torch.randn(4, 30), truth, target_d=0.4, target_a=0.3)
    assert (worse > best).all()


def test_the_least_softmax_objective_does_not_depend_on_where_particles_were_drawn() -> None:
    """Check that the least loss is that of the target, for weights that correct for the particles' density."""
    torch.manual_seed(0)
    truth = torch.zeros(3)
    around = torch.randn(4000, 3) * torch.tensor([0.5, 0.5, 0.3])
    particles = torch.cat([around, torch.rand(4000, 3) * 2 - 1])
    spread = torch.distributions.Normal(torch.zeros(3), torch.tensor([0.5, 0.5, 0.3])).log_prob(particles).sum(-1).exp()
    density = (0.5 * spread + 0.5 * (particles.abs() <= 1).all(-1) / 8).log()
    widths = torch.linspace(0.2, 0.4, 9)

    def loss(width: torch.Tensor) -> float:
        log_likelihood = -0.5 * ((particles[:, :2] / width).square().sum(-1) + (particles[:, 2] / 0.1).square())
        sizes = {"target_d": 0.3, "target_a": 0.1, "log_density": density}
        return float(losses.softmax_objective(particles, log_likelihood - density, truth, **sizes))  # type: ignore[arg-type]

    assert float(widths[torch.tensor([loss(width) for width in widths]).argmin()]) == pytest.approx(0.3)
    # two Gaussians in the plane, one twice as wide as the other: their Kullback-Leibler divergence
    assert loss(torch.tensor(0.6)) - loss(torch.tensor(0.3)) == pytest.approx(2 * math.log(2) - 0.75, abs=0.1)


def test_softmax_objective_does_not_depend_on_a_constant() -> None:
    torch.manual_seed(1)
    particles, truth, values = torch.randn(2, 9, 3), torch.randn(2, 3), torch.randn(2, 9)
    a = losses.softmax_objective(particles, values, truth, target_d=0.4, target_a=0.3)
    b = losses.softmax_objective(particles, values + 7.0, truth, target_d=0.4, target_a=0.3)
    torch.testing.assert_close(a, b)


def test_gradient_of_the_paper_s_loss_equals_finite_differences() -> None:
    torch.manual_seed(2)
    particles, truth = torch.randn(1, 8, 3, dtype=torch.float64), torch.randn(1, 3, dtype=torch.float64)
    logits = torch.randn(1, 8, dtype=torch.float64, requires_grad=True)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return losses.pose_error(losses.mean_pose(particles, resampling.normalize(values)), truth).sum()

    assert torch.autograd.gradcheck(loss, (logits,))
