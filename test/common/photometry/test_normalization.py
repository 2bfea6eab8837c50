"""Tests of the photometric normalisation: exposure, white balance, gamma and uneven light are removed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from localization_common.photometry.normalization import PhotometricNormalization


@pytest.fixture
def images() -> Tensor:
    """Two textured images (2, 3, 48, 64) of different colours, in 0.1..0.8."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((2, 3, 12, 16), generator=generator)
    return 0.1 + 0.7 * torch.nn.functional.interpolate(coarse, scale_factor=4, mode="nearest")


def apart(a: Tensor, b: Tensor) -> float:
    """Mean difference, as a share of the deviation of the first."""
    return float((a - b).abs().mean() / a.std())


@pytest.mark.parametrize("kind", ["picture", "local"])
def test_exposure_white_balance_and_gamma_are_removed(images: Tensor, kind: str) -> None:
    normalize = PhotometricNormalization(kind)  # type: ignore[arg-type]
    expected = normalize(images)
    balance = torch.tensor([1.2, 0.8, 0.5]).view(1, 3, 1, 1)
    for changed in (0.4 * images, balance * images, images**1.5):
        assert apart(images, changed) > 0.3
        assert apart(expected, normalize(changed)) < 0.12


def test_local_removes_uneven_light(images: Tensor) -> None:
    ramp = torch.linspace(0.25, 1.0, 64).view(1, 1, 1, -1)
    picture, local = PhotometricNormalization("picture"), PhotometricNormalization("local")
    assert apart(local(images), local(ramp * images)) < 0.4 * apart(picture(images), picture(ramp * images))


def test_a_picture_without_contrast_is_not_amplified() -> None:
    flat = 0.5 + 0.004 * torch.randn((1, 3, 48, 64), generator=torch.Generator().manual_seed(0))
    for kind in ("picture", "local"):
        assert float(PhotometricNormalization(kind)(flat).std()) < 0.06  # type: ignore[arg-type]


def test_images_do_not_influence_each_other(images: Tensor) -> None:
    normalize = PhotometricNormalization("local")
    torch.testing.assert_close(normalize(images)[1:], normalize(images[1:]))
    torch.testing.assert_close(PhotometricNormalization("none")(images), images)


def test_mixed_precision_does_not_make_it_coarse(images: Tensor) -> None:
    normalize = PhotometricNormalization("local")
    with torch.autocast("cpu", torch.bfloat16):
        mixed = normalize(images)
    torch.testing.assert_close(mixed, normalize(images))
