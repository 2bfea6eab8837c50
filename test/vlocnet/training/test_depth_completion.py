"""Completion of partial depth: planes are exact, known pixels stay, nothing is made of nothing."""

from __future__ import annotations

import torch

from vlocnet_ros.training.depth_completion import complete

H, W = 48, 64


def plane() -> torch.Tensor:
    """Return the depth (H, W) of an oblique wall: its inverse is linear in the image, 1.7 to 5 m."""
    return 1.0 / (0.2 + 0.004 * torch.arange(W)[None] + 0.003 * torch.arange(H)[:, None])


def sparse(depth: torch.Tensor, count: int = 60) -> torch.Tensor:
    """Return the depth at some pixels only, NaN elsewhere."""
    kept = torch.zeros(H * W, dtype=torch.bool)
    kept[torch.randperm(H * W, generator=torch.Generator().manual_seed(0))[:count]] = True
    return torch.where(kept.view(H, W), depth, torch.nan)


def test_a_plane_of_which_some_pixels_are_known_is_completed():
    partial = sparse(plane())
    found = complete(partial[None])[0]
    known = torch.isfinite(partial)
    assert torch.equal(found[known], partial[known])
    off = (found - plane()).abs() / plane()
    assert off.max() < 0.1
    assert off.median() < 0.01


def test_each_frame_is_completed_by_its_own_depth():
    frames = torch.stack([sparse(plane()), sparse(2.0 * plane(), 400), torch.full((H, W), torch.nan)])
    both = complete(frames)
    torch.testing.assert_close(both[0], complete(frames[:1])[0])
    assert ((both[1] / (2.0 * plane())).log().abs() < 0.1).all()
    assert torch.isnan(both[2]).all()


def test_completed_depth_stays_near_the_range_of_the_known():
    steep = torch.full((H, W), torch.nan)
    steep[20:24, 20:40] = torch.linspace(1.0, 4.0, 20)
    found = complete(steep[None])
    assert found.min() > 1.0 / 1.6
    assert found.max() < 4.0 * 1.6


def test_complete_depth_does_not_change():
    assert torch.equal(complete(plane()[None])[0], plane())
