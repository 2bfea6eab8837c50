"""Newton and Schulz's iteration on small square matrices against timm's on the matrix itself."""

from __future__ import annotations

import pytest
import torch

from localization_common.training.orthogonalization import orthogonalize

muon = pytest.importorskip("timm.optim.muon", reason="timm is not installed")

COEFFICIENTS = [(3.4445, -4.7750, 2.0315)]


@pytest.mark.parametrize("shape", [(16, 144), (64, 64), (128, 32), (32, 33)])
def test_it_gives_what_timm_gives(shape):
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, *shape, generator=generator) @ torch.diag(torch.logspace(0, -5, shape[1]))
    matrices[1] *= 1e-3  # each is scaled by its own norm
    expected = muon.zeropower_via_newtonschulz(matrices, 5, COEFFICIENTS, dtype=torch.float32)
    found = orthogonalize(matrices, 5, COEFFICIENTS)
    assert found.shape == (3, *shape)
    assert float((found - expected).norm() / expected.norm()) < 1e-3


def test_zeros_stay_zeros():
    assert (orthogonalize(torch.zeros(1, 16, 32), 5, COEFFICIENTS) == 0.0).all()
