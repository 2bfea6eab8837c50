"""KLD sampling against the published value and the exact quantile; bins against a count by hand."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats

from dmn_ros.filter import adaptive_size
from dmn_ros.filter.adaptive_size import kld_sample_size, occupied_bins

Z_99 = float(stats.norm.ppf(0.99))


def test_a_hundred_bins_one_percent_error_and_99_percent_confidence_need_6733_particles() -> None:
    assert kld_sample_size(100, 0.01, Z_99) == 6733


@pytest.mark.parametrize("bins", [2, 5, 30, 1000])
@pytest.mark.parametrize("error", [0.01, 0.05])
def test_the_number_is_that_of_the_chi_square_quantile(bins: int, error: float) -> None:
    exact = stats.chi2.ppf(0.99, bins - 1) / (2.0 * error)
    assert kld_sample_size(bins, error, Z_99) == pytest.approx(exact, rel=0.01 if bins > 2 else 0.05)


@pytest.mark.parametrize("bins", [0, 1])
def test_one_bin_needs_one_particle(bins: int) -> None:
    assert kld_sample_size(bins, 0.01, Z_99) == 1


@pytest.mark.parametrize("table", [adaptive_size._TABLE_SIZE, 10], ids=["table", "sorted"])
def test_bins_are_counted_in_all_three_dimensions(monkeypatch: pytest.MonkeyPatch, table: int) -> None:
    monkeypatch.setattr(adaptive_size, "_TABLE_SIZE", table)
    torch.manual_seed(0)
    particles = torch.randn(5000, 3) * torch.tensor([3.0, 2.0, 1.0])
    bins = {(math.floor(x / 0.5), math.floor(y / 0.5), math.floor(a / 0.3)) for x, y, a in particles.tolist()}
    assert occupied_bins(particles, 0.5, 0.3) == len(bins)
    assert occupied_bins(torch.tensor([[0.1, 0.1, 0.1]]).expand(7, 3), 0.5, 0.3) == 1
    for column in range(3):
        apart = torch.zeros(2, 3)
        apart[1, column] = 1.0
        assert occupied_bins(apart, 0.5, 0.3) == 2
