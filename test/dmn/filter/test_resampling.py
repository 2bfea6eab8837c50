"""Resampling: unbiased, with weights that follow their particles, and differentiable."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from dmn_ros.filter import resampling

WEIGHTS = torch.tensor([0.5, 0.05, 0.2, 0.0, 0.25], dtype=torch.float64)


def test_effective_sample_size_of_known_weights() -> None:
    assert float(resampling.effective_sample_size(torch.full((8,), 1 / 8).log())) == pytest.approx(8.0)
    assert float(resampling.effective_sample_size(torch.tensor([1.0, 1e-30]).log())) == pytest.approx(1.0)
    weights = torch.tensor([0.5, 0.3, 0.2])
    assert float(resampling.effective_sample_size(weights.log())) == pytest.approx(1 / (0.25 + 0.09 + 0.04))


def test_systematic_counts_are_within_one_of_their_expectation() -> None:
    for start in (0.0, 0.3, 0.999):
        counts = torch.bincount(resampling.systematic_indices(WEIGHTS, 40, torch.tensor(start)), minlength=5)
        assert ((counts - 40 * WEIGHTS).abs() < 1.0 + 1e-9).all()
        assert counts[3] == 0


def test_systematic_is_unbiased() -> None:
    # one draw each, so that draws are independent and the chi-square law holds
    torch.manual_seed(0)
    starts = torch.rand(10_000, dtype=torch.float64)
    drawn = resampling.systematic_indices(WEIGHTS.expand(10_000, 5), 1, starts)[:, 0]
    kept = WEIGHTS > 0
    counts = torch.bincount(drawn, minlength=5)[kept]
    assert stats.chisquare(counts.numpy(), (10_000 * WEIGHTS[kept]).numpy()).pvalue > 0.001


def test_rounding_of_the_cumulative_sum_never_leaves_the_particles() -> None:
    weights = torch.full((3, 100_003), 1e-5, dtype=torch.float32)
    indices = resampling.systematic_indices(weights, 1000, torch.tensor([0.0, 0.5, 1.0 - 1e-7]))
    assert int(indices.min()) >= 0
    assert int(indices.max()) < 100_003


def test_soft_resampling_draws_from_its_proposal() -> None:
    particles = torch.arange(5.0, dtype=torch.float64)[:, None].expand(10_000, 5, 1)
    generator = torch.Generator().manual_seed(1)
    drawn, _ = resampling.soft_resample(particles, WEIGHTS.log().expand(10_000, 5), alpha=0.6, generator=generator)
    # one of the five draws of each filter, a random one: systematic draws within a filter depend on each other
    picked = drawn[torch.arange(10_000), torch.randint(0, 5, (10_000,), generator=generator), 0].long()
    expected = 0.6 * WEIGHTS + 0.4 / 5
    assert stats.chisquare(torch.bincount(picked, minlength=5).numpy(), (10_000 * expected).numpy()).pvalue > 0.001


def test_soft_resampling_keeps_each_weight_with_its_particle() -> None:
    torch.manual_seed(2)
    log_weights = resampling.normalize(torch.randn(3, 50, dtype=torch.float64))
    particles = torch.arange(50, dtype=torch.float64)[None, :, None].expand(3, 50, 1)
    drawn, new = resampling.soft_resample(particles, log_weights, alpha=0.5)
    proposal = 0.5 * log_weights.exp() + 0.5 / 50
    expected = (log_weights - proposal.log()).gather(1, drawn[..., 0].long())
    torch.testing.assert_close(new, expected - expected.logsumexp(1, keepdim=True))
    torch.testing.assert_close(new.logsumexp(1), torch.zeros(3, dtype=torch.float64))


def test_soft_resampling_keeps_the_mean() -> None:
    torch.manual_seed(3)
    log_weights = resampling.normalize(torch.randn(1, 200, dtype=torch.float64))
    particles = torch.randn(1, 200, 2, dtype=torch.float64)
    truth = (log_weights.exp().unsqueeze(-1) * particles).sum(1)
    batch = (particles.expand(4000, -1, -1), log_weights.expand(4000, -1))
    drawn, new = resampling.soft_resample(*batch, alpha=0.5, generator=torch.Generator().manual_seed(0))
    means = (new.exp().unsqueeze(-1) * drawn).sum(1)
    error = (means.mean(0) - truth[0]) / (means.std(0) / math.sqrt(4000))
    assert error.abs().max() < 4.0


def test_alpha_one_gives_equal_weights_and_no_gradient() -> None:
    logits = torch.randn(1, 20, dtype=torch.float64, requires_grad=True)
    _, new = resampling.soft_resample(torch.randn(1, 20, 3), resampling.normalize(logits), alpha=1.0)
    torch.testing.assert_close(new, torch.full((1, 20), -math.log(20), dtype=torch.float64))
    new.square().sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-12


def test_gradient_through_soft_resampling_equals_finite_differences() -> None:
    torch.manual_seed(4)
    logits = torch.randn(1, 12, dtype=torch.float64)
    particles = torch.randn(1, 12, 2, dtype=torch.float64)

    def mean(values: torch.Tensor) -> torch.Tensor:
        """Mean after resampling; with the same random start, the indices stay the same for small changes."""
        drawn, new = resampling.soft_resample(
            particles, resampling.normalize(values), alpha=0.7, generator=torch.Generator().manual_seed(5)
        )
        return (new.exp().unsqueeze(-1) * drawn).sum()

    variable = logits.clone().requires_grad_(True)
    mean(variable).backward()
    assert variable.grad is not None
    step = 1e-6
    for i in range(12):
        shift = torch.zeros_like(logits)
        shift[0, i] = step
        finite = float(mean(logits + shift) - mean(logits - shift)) / (2 * step)
        assert float(variable.grad[0, i]) == pytest.approx(finite, abs=1e-6)
    assert variable.grad.abs().max() > 1e-3


@pytest.mark.parametrize("alpha", [-0.1, 1.1])
def test_alpha_out_of_range_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        resampling.soft_resample(torch.zeros(2, 3), torch.zeros(2), alpha=alpha)
