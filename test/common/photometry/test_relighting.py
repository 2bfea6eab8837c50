"""Tests of random light in training images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from localization_common.photometry.image_formation import add_noise, blurred, compressed
from localization_common.photometry.relighting import Draws, LightRange, relight


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> Tensor:
    """Sixteen times the same textured image (16, 3, 40, 56)."""
    coarse = torch.rand((1, 3, 10, 14), generator=generator(1))
    return (0.15 + 0.7 * torch.nn.functional.interpolate(coarse, scale_factor=4)).repeat(16, 1, 1, 1)


def draws(images: Tensor, group: int = 1) -> Draws:
    return Draws(len(images), group, generator(), images.device)


def test_the_state_of_the_generator_decides(images: Tensor) -> None:
    first, again, other = (relight(images, 1.0, generator(seed)) for seed in (3, 3, 4))
    torch.testing.assert_close(first, again)
    assert (first - other).abs().mean() > 0.05
    assert first.min() >= 0.0
    assert first.max() <= 1.0


def test_a_share_of_the_groups_changes_as_a_whole(images: Tensor) -> None:
    changed = (relight(images, 0.5, generator(2), group=2) != images).flatten(1).any(1)
    pairs = changed.view(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert 0 < changed.sum() < len(images)
    torch.testing.assert_close(relight(images, 0.0, generator(2)), images)


def test_a_group_has_one_light_and_groups_differ(images: Tensor) -> None:
    ranges = LightRange(drift=0.0, noise=0.0, blur=0.0, compression=0.0, glare=0.0)
    colours = relight(images, 1.0, generator(5), group=2, ranges=ranges).mean((2, 3))
    within = (colours[0::2] - colours[1::2]).abs().mean()
    between = (colours[0:-2:2] - colours[2::2]).abs().mean()
    assert within < 0.3 * between


def test_brightness_colour_and_contrast_vary_widely(images: Tensor) -> None:
    lit = relight(images.repeat(4, 1, 1, 1), 1.0, generator(6))
    brightness, red_over_blue = lit.mean((1, 2, 3)), (lit[:, 0].mean((1, 2)) / lit[:, 2].mean((1, 2)))
    assert brightness.quantile(0.9) > 1.5 * brightness.quantile(0.1)
    assert red_over_blue.quantile(0.9) > 1.4 * red_over_blue.quantile(0.1)


def test_blur_noise_and_compression(images: Tensor) -> None:
    def detail(x: Tensor) -> float:
        return float((x[..., 1:] - x[..., :-1]).square().mean())

    assert detail(blurred(images, 1.0, draws(images))) < 0.9 * detail(images)
    torch.testing.assert_close(blurred(images, 0.0, draws(images)), images)
    quiet = add_noise(images, torch.ones(16, 1, 1, 1), 0.05, draws(images)) - images
    loud = add_noise(images, 16.0 * torch.ones(16, 1, 1, 1), 0.05, draws(images)) - images
    assert float(loud.std()) == pytest.approx(4.0 * float(quiet.std()), rel=0.05)
    few = compressed(images, 1.0, draws(images))
    assert 0.002 < float((few - images).abs().mean()) < 0.1
