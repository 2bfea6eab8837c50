"""Baselines of AdapNet that are built on VGG-16: SegNet, UpNet and ParseNet.

All have VGG's five groups of 3x3 convolutions, with batch normalisation, and the widths of the structure. They differ
in the way back to the size of the image.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlocnet_ros.config import VLocNetConfig

#: Convolutions in each of VGG-16's groups; a pooling by two follows each.
_CONVOLUTIONS = (2, 2, 3, 3, 3)
#: Initial scale of ParseNet's normalised features.
_SCALE = 10.0


def vgg_widths(config: VLocNetConfig) -> tuple[int, ...]:
    """Return the channels of the five groups: stem and mids of the structure, which are VGG's own at `paper` width."""
    return (config.stem, *config.mids[1:], config.mids[3])


def convolutions(channels: int, out: int, count: int, *, dilation: int = 1) -> nn.Sequential:
    """Build 3x3 convolutions, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for before in (channels, *[out] * (count - 1)):
        convolution = nn.Conv2d(before, out, 3, padding=dilation, dilation=dilation, bias=False)
        layers += [convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def encoder(widths: tuple[int, ...], dilations: tuple[int, ...] = (1, 1, 1, 1, 1)) -> nn.ModuleList:
    """Build the five groups of convolutions of an image with three channels."""
    groups = zip((3, *widths[:-1]), widths, _CONVOLUTIONS, dilations, strict=True)
    return nn.ModuleList(convolutions(before, after, n, dilation=d) for before, after, n, d in groups)


class SegNet(nn.Module):
    """Decoder that mirrors the encoder and puts each value back where the pooling found it (Badrinarayanan 2017)."""

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        widths = vgg_widths(config)
        self.down = encoder(widths)
        narrower = [widths[0], *widths[:-1]]
        self.up = nn.ModuleList(
            nn.Sequential(convolutions(after, after, n - 1), convolutions(after, before, 1))
            for before, after, n in reversed(list(zip(narrower, widths, _CONVOLUTIONS, strict=True)))
        )
        self.classify = nn.Conv2d(widths[0], config.classes, 3, padding=1)

    def encode(self, image: Tensor) -> Tensor:
        """Return the decoder's features (B, C, H, W) for normalised images (B, 3, H, W)."""
        x, places = image, []
        for group in self.down:
            full = group(x)
            x, found = functional.max_pool2d(full, 2, return_indices=True)
            places.append((full.shape, found))
        for group, (shape, found) in zip(self.up, reversed(places), strict=True):
            flat = x.new_zeros(shape).flatten(2).scatter(2, found.flatten(2), x.flatten(2))
            x = group(flat.view(shape))
        return x

    def decode(self, features: Tensor) -> Tensor:
        """Return class logits (B, C, H, W)."""
        return torch.as_tensor(self.classify(features))


class UpNet(nn.Module):
    """Up-convolutions that double the size five times, each with a ReLU (Oliveira et al. 2016).

    Sizes are rounded up on the way down, and the result is cropped to the size of the image.
    """

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        widths = vgg_widths(config)
        self.down = encoder(widths)
        steps = list(zip(reversed(widths), [*reversed(widths[:-1]), widths[0]], strict=True))
        self.up = nn.ModuleList(
            nn.Sequential(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in steps
        )
        self._size = (config.height, config.width)
        self.dropout = nn.Dropout2d(config.dropout)
        self.classify = nn.Conv2d(widths[0], config.classes, 1)

    def encode(self, image: Tensor) -> Tensor:
        """Return VGG's last features for normalised images (B, 3, H, W)."""
        x = image
        for group in self.down:
            x = functional.max_pool2d(group(x), 2, ceil_mode=True)
        return x

    def decode(self, features: Tensor) -> Tensor:
        """Return class logits (B, C, H, W) at the input's size for features (B, C, h, w)."""
        x = self.dropout(features)
        for layer in self.up:
            x = layer(x)
        return torch.as_tensor(self.classify(x[..., : self._size[0], : self._size[1]]))


class ParseNet(nn.Module):
    """Fully convolutional VGG with global context: the mean over the image joins each cell's features (Liu 2016).

    The last two groups have dilation in place of pooling, so that the output stride is 8, as that of the other
    baselines. Local and global features are normalised to length one and scaled by learned factors before they join.
    """

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        widths = vgg_widths(config)
        self.down = encoder(widths, dilations=(1, 1, 1, 1, 2))
        self._size = (config.height, config.width)
        self.scale = nn.Parameter(torch.full((2, widths[-1]), _SCALE))
        self.classify = nn.Conv2d(2 * widths[-1], config.classes, 1)

    def encode(self, image: Tensor) -> Tensor:
        """Return features at output stride 8 for normalised images (B, 3, H, W)."""
        x = image
        for index, group in enumerate(self.down):
            x = group(x) if index >= 3 else functional.max_pool2d(group(x), 2)
        return x

    def decode(self, features: Tensor) -> Tensor:
        """Return class logits (B, C, H, W) at the input's size for features (B, C, h, w)."""
        parts = (features, features.mean((2, 3), keepdim=True).expand_as(features))
        scaled = [functional.normalize(p, dim=1) * s.view(-1, 1, 1) for p, s in zip(parts, self.scale, strict=True)]
        logits = self.classify(torch.cat(scaled, dim=1))
        return functional.interpolate(logits, self._size, mode="bilinear", align_corners=False)


#: Networks by their names in the configuration.
VGG_BASELINES: dict[str, type[SegNet] | type[UpNet] | type[ParseNet]] = {
    "segnet": SegNet,
    "upnet": UpNet,
    "parsenet": ParseNet,
}
