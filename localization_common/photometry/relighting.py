"""Random light: exposure, white balance, uneven illumination, glare and camera response, for training images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.photometry.image_formation import add_noise, blurred, compressed

#: Exponent from display values to light, about that of sRGB.
GAMMA = 2.2
#: Mean light that an automatic exposure aims at.
_AIM = (0.12, 0.3)


@dataclass(frozen=True)
class LightRange:
    """Ranges of the random changes. Stops are factors of two.

    Attributes:
        stops: standard deviation of the exposure.
        drift: standard deviation of the exposure between the images of a group, stops.
        temperature: largest difference of red and blue, stops in each direction.
        field: standard deviation of the uneven illumination, stops.
        gamma: largest factor, and divisor, of the camera's gamma.
        glare: share of groups with a bright, moving spot.
        noise: largest standard deviation of the noise of a bright pixel.
        blur: share of images with motion blur.
        compression: share of images that are compressed like a JPEG of low quality.
    """

    stops: float = 1.1
    drift: float = 0.12
    temperature: float = 0.9
    field: float = 0.7
    gamma: float = 1.6
    glare: float = 0.25
    noise: float = 0.05
    blur: float = 0.2
    compression: float = 0.2


class Draws:
    """Random numbers for images in groups that have one light; a group is some images in a row."""

    def __init__(self, count: int, group: int, generator: torch.Generator, device: torch.device) -> None:
        self.count, self.group = count, group
        self._generator, self._device = generator, device

    def uniform(self, low: float, high: float, *size: int, each: bool = False) -> Tensor:
        """Draw (B, *size) numbers; the same for the images of a group, unless for ``each`` image."""
        drawn = torch.rand((self._rows(each), *size), generator=self._generator).to(self._device)
        return self._spread(low + (high - low) * drawn, each)

    def normal(self, deviation: float, *size: int, each: bool = False) -> Tensor:
        """Draw (B, *size) numbers of a normal distribution around zero."""
        drawn = torch.randn((self._rows(each), *size), generator=self._generator).to(self._device)
        return self._spread(deviation * drawn, each)

    def _rows(self, each: bool) -> int:
        return self.count if each else self.count // self.group

    def _spread(self, drawn: Tensor, each: bool) -> Tensor:
        return drawn if each else drawn.repeat_interleave(self.group, dim=0)


def relight(
    images: Tensor, share: float, generator: torch.Generator, *, group: int = 1, ranges: LightRange | None = None
) -> Tensor:
    """Show images in other light, through another camera.

    Args:
        images: (B, 3, H, W) in 0..1; rows of ``group`` images are neighbours along a drive and have one light.
        share: share of the groups that change.
        generator: random numbers; the same state gives the same images.
        group: number of images in a group.
        ranges: ranges of the changes.

    Returns:
        Images (B, 3, H, W) in 0..1.
    """
    ranges = ranges or LightRange()
    changed = Draws(len(images), group, generator, images.device).uniform(0.0, 1.0) < share
    chosen = changed.nonzero()[:, 0]
    if len(chosen) == 0:
        return images
    draws = Draws(len(chosen), group, generator, images.device)
    return images.index_copy(0, chosen, _relit(images[chosen], draws, ranges))


def _relit(images: Tensor, draws: Draws, ranges: LightRange) -> Tensor:
    light = images.clamp(0.0, 1.0) ** GAMMA
    light = light * _illumination(light, draws, ranges) + _glare(light, draws, ranges)
    light, gain = _exposed(light, draws, ranges)
    light = blurred(light, ranges.blur, draws)
    light = add_noise(light, gain, ranges.noise, draws)
    response = torch.exp2(draws.uniform(-1.0, 1.0, 1, 1, 1) * torch.tensor(ranges.gamma).log2()) / GAMMA
    black = 0.06 * draws.uniform(0.0, 1.0, 1, 1, 1) ** 2
    shown = black + (1.0 - black) * light.clamp(1e-4, 1.0) ** response
    shown = compressed(shown, ranges.compression, draws)
    return (shown.clamp(0.0, 1.0) * 255.0).round() / 255.0


def _illumination(light: Tensor, draws: Draws, ranges: LightRange) -> Tensor:
    """Factors (B, 3, H, W): uneven light of a colour, and vignetting."""
    height, width = light.shape[-2:]
    strength = draws.uniform(0.0, 1.0, 1, 1, 1)
    coarse = draws.normal(ranges.field, 1, 3, 4) + draws.normal(0.25 * ranges.field, 1, 3, 4, each=True)
    coarse = coarse + draws.normal(0.2 * ranges.field, 3, 3, 4)  # lamps of several colours
    field = strength * functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    warmth = draws.uniform(-1.0, 1.0, 1, 1, 1) * ranges.temperature
    tint = draws.normal(0.1 * ranges.temperature, 1, 1, 1)
    balance = torch.cat([warmth, tint, -warmth], dim=1)
    y, x = torch.meshgrid(
        torch.linspace(-1.0, 1.0, height, device=light.device),
        torch.linspace(-1.0, 1.0, width, device=light.device),
        indexing="ij",
    )
    vignetting = 1.0 - draws.uniform(0.0, 0.6, 1, 1, 1) * 0.5 * (x.square() + y.square())
    return torch.exp2(field + balance) * vignetting


def _glare(light: Tensor, draws: Draws, ranges: LightRange) -> Tensor:
    """Light (B, 3, H, W) that a bright spot adds, with a veil over the picture."""
    height, width = light.shape[-2:]
    present = (draws.uniform(0.0, 1.0, 1, 1, 1) < ranges.glare).to(light.dtype)
    x0 = draws.uniform(-0.1, 1.1, 1, 1, 1) + draws.normal(0.04, 1, 1, 1, each=True)
    y0 = draws.uniform(-0.1, 0.8, 1, 1, 1) + draws.normal(0.03, 1, 1, 1, each=True)
    radius = draws.uniform(0.05, 0.3, 1, 1, 1)
    x = torch.linspace(0.0, 1.0, width, device=light.device).view(1, 1, 1, -1)
    y = torch.linspace(0.0, height / width, height, device=light.device).view(1, 1, -1, 1)
    distance = (x - x0).square() + (y - y0).square()
    spot = torch.exp(-0.5 * distance / radius.square())
    colour = torch.exp2(draws.normal(0.2, 3, 1, 1))
    return present * colour * (draws.uniform(0.3, 2.0, 1, 1, 1) * spot + draws.uniform(0.0, 0.1, 1, 1, 1))


def _exposed(light: Tensor, draws: Draws, ranges: LightRange) -> tuple[Tensor, Tensor]:
    """Expose by an automatic exposure, or as before; return the light and the camera's gain (B, 1, 1, 1)."""
    scene = torch.exp2(draws.normal(ranges.stops, 1, 1, 1))
    aim = draws.uniform(*_AIM, 1, 1, 1) / (light * scene).mean((1, 2, 3), keepdim=True).clamp_min(1e-3)
    automatic = draws.uniform(0.0, 1.0, 1, 1, 1) < 0.5
    gain = torch.where(automatic, aim, torch.ones_like(aim)) * torch.exp2(
        draws.normal(ranges.drift, 1, 1, 1, each=True)
    )
    return light * scene * gain, gain
