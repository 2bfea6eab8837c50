"""Segmentation stream: AdapNet, with warped features of the previous frame fused into its encoder."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vlocnet_ros.config import SEGMENTATION_PLACES, VLocNetConfig
from vlocnet_ros.network.fusion import AdaptiveFusion
from vlocnet_ros.network.residual import ACTIVATIONS, Norm, ResidualUnit, block, group_norm
from vlocnet_ros.network.warping import warp


class SegmentationFeatures(NamedTuple):
    """Outputs of AdapNet's four blocks for one frame, before fusion with another frame."""

    block1: Tensor
    res3d: Tensor
    res4f: Tensor
    res5c: Tensor


class SegmentationStream(nn.Module):
    """Encoder with strides 1/2/2/1 (output stride 16), adaptive fusion with the previous frame, decoder of labels.

    Without labels in the training data, only the encoder exists, for depth.
    """

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        c2, c3, c4, c5 = config.outputs
        m2, m3, m4, m5 = config.mids
        self.places = config.warp_places if config.warping and config.tasks.warping else ()
        early, activation = config.segmentation_stem, ACTIVATIONS[config.activation]
        self.res1 = nn.Sequential(
            nn.Conv2d(3, early, 3, padding=1, bias=False),
            nn.BatchNorm2d(early),
            activation(inplace=True),
            nn.Conv2d(early, config.stem, 7, 2, 3, bias=False),
            nn.MaxPool2d(3, 2, 1),
        )
        self.block1 = block(config.stem, m2, c2, config.units[0], stride=1, activation=activation)
        self.block2 = block(c2, m3, c3, config.units[1] - 1, stride=2, activation=activation)
        self.block2.append(ResidualUnit(c3, m3, c3, dilations=(1, 2), activation=activation))
        norm3, norm4 = _norms(config.warp_places)
        self.block3 = block(c3, m4, c4, min(2, config.units[2]), stride=2, norm=norm3, activation=activation)
        for _ in range(config.units[2] - 2):
            self.block3.append(ResidualUnit(c4, m4, c4, dilations=(1, 2), norm=norm3, activation=activation))
        self.block4 = nn.Sequential()
        for index in range(config.units[3]):
            last = index == config.units[3] - 1
            unit = ResidualUnit(
                c4 if index == 0 else c5,
                m5,
                c5,
                dilations=(2, 4),
                dropout=config.dropout if last else 0.0,
                norm=norm4,
                activation=activation,
            )
            self.block4.append(unit)
        channels = {"res3d": c3, "res4f": c4, "res5c": c5}
        self.fusions = nn.ModuleDict({place: AdaptiveFusion(channels[place], channels[place]) for place in self.places})
        self.decoder = SegmentationDecoder(config) if config.tasks.segmentation else None

    def encode(self, image: Tensor) -> SegmentationFeatures:
        """Return the unfused outputs of the four blocks for normalised images (B, 3, H, W)."""
        block1 = self.block1(self.res1(image))
        res3d = self.block2(block1)
        res4f = self.block3(res3d)
        return SegmentationFeatures(block1, res3d, res4f, self.block4(res4f))

    def decode(
        self, current: SegmentationFeatures, previous: SegmentationFeatures, grid: Tensor | None
    ) -> Tensor | None:
        """Return class logits (B, C, H, W), or None without a decoder; nothing is fused without a sampling grid.

        After the first fused block, the features pass the following blocks of the encoder again.
        """
        if self.decoder is None:
            return None
        blocks = {"res4f": self.block3, "res5c": self.block4}
        x: Tensor | None = None
        for place in SEGMENTATION_PLACES:
            x = getattr(current, place) if x is None else blocks[place](x)
            if grid is not None and place in self.places:
                x = self.fusions[place](x, warp(getattr(previous, place), grid))
            elif x is getattr(current, place):
                x = None
        return torch.as_tensor(self.decoder(current.res5c if x is None else x, current))


def _norms(places: tuple[str, ...]) -> tuple[Norm, Norm]:
    """Return the normalisations of blocks 3 and 4: `group_norm` after a fusion, where inputs are fused and unfused.

    Networks without the streams that warping needs have them, too, so that their weights fit the complete network.
    """
    fused3 = "res3d" in places
    fused4 = fused3 or "res4f" in places
    return (group_norm if fused3 else nn.BatchNorm2d), (group_norm if fused4 else nn.BatchNorm2d)


class SegmentationDecoder(nn.Module):
    """1x1 convolution to classes, deconvolutions by two with a 1x1 skip each, one deconvolution to the input's size."""

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        c2, c3, _, c5 = config.outputs
        classes, channels, activation = config.classes, {2: c3, 1: c2}, ACTIVATIONS[config.activation]
        self.skip_blocks = config.skips
        self.classify = nn.Sequential(nn.BatchNorm2d(c5), activation(inplace=True), nn.Conv2d(c5, classes, 1))
        self.up = nn.ModuleList(nn.ConvTranspose2d(classes, classes, 4, 2, 1) for _ in config.skips)
        self.skip = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(channels[s]), activation(inplace=True), nn.Conv2d(channels[s], classes, 1))
            for s in config.skips
        )
        stride = 16 // 2 ** len(config.skips)
        self.last = nn.ConvTranspose2d(classes, classes, 2 * stride, stride, stride // 2)
        self.deconvolutions = [*self.up, self.last]

    def forward(self, x: Tensor, features: SegmentationFeatures) -> Tensor:
        """Return logits (B, C, H, W) at the input's size for the encoder's output at stride 16."""
        skips = {2: features.res3d, 1: features.block1}
        x = self.classify(x)
        for up, skip, number in zip(self.up, self.skip, self.skip_blocks, strict=True):
            x = up(x) + skip(skips[number])
        return torch.as_tensor(self.last(x))

    def initialize(self) -> None:
        """Initialise the deconvolutions as bilinear interpolation of each class."""
        for layer in self.deconvolutions:
            size = layer.kernel_size[0]
            ramp = 1.0 - (torch.arange(size) - (size - 1) / 2.0).abs() / (size / 2.0)
            with torch.no_grad():
                layer.weight.zero_()
                for c in range(layer.weight.shape[0]):
                    layer.weight[c, c] = ramp[:, None] * ramp[None, :]
                if layer.bias is not None:
                    layer.bias.zero_()
