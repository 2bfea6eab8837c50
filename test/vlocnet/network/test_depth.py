"""Enlargement of depth against PyTorch's interpolation."""

from __future__ import annotations

import torch
from torch.nn import functional

from vlocnet_ros.network.depth import Enlargement


def test_it_is_bilinear_interpolation():
    x = torch.randn(2, 1, 14, 20, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = functional.interpolate(x, scale_factor=8.0, mode="bilinear", align_corners=False)
    found = Enlargement(14, 20, 8)(x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    gradients = [torch.autograd.grad((y * weight).sum(), x, retain_graph=True)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_mixed_precision_keeps_single_precision():
    x = torch.randn(1, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(Enlargement(4, 6, 8)(x), Enlargement(4, 6, 8)(x.double()))
        assert Enlargement(4, 6, 8)(x).dtype == torch.float32
