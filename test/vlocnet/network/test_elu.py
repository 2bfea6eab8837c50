"""Activation against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from vlocnet_ros.network.elu import FastELU


@pytest.mark.parametrize("size", [(3, 5), (4, 32, 16, 20)])  # a small tensor, and one for which ours is faster
def test_values_and_gradients_are_those_of_pytorch(size):
    generator = torch.Generator().manual_seed(0)
    x = (5.0 * torch.randn(*size, generator=generator)).requires_grad_()
    weight = torch.randn(*size, generator=generator)
    ours, theirs = FastELU()(x), functional.elu(x)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=1e-6)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-6)


def test_infinity_and_nan_are_kept():
    x = torch.full((1 << 14,), 100.0)
    x[:3] = torch.tensor([float("inf"), float("-inf"), float("nan")])
    y = FastELU()(x)
    assert y[0] == float("inf")
    assert y[1] == -1.0
    assert torch.isnan(y[2])
    assert (y[3:] == 100.0).all()
