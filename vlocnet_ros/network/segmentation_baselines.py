"""Baselines of AdapNet: FCN and DeepLabV3 from torchvision's parts.

Both are a dilated ResNet and a head on its last features. At `paper` width they are torchvision's ``fcn_resnet50`` and
``deeplabv3_resnet50``, with the same weights. Other structures change the widths only, for which torchvision's
constructors have no arguments. Only these checkpoints need torchvision on a robot, so it is imported late.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from localization_common.errors import ConfigError
from vlocnet_ros.config import VLocNetConfig

#: Dilations before, between and after layer1..layer4, and their strides: layer3 and layer4 have dilation in place of
#: strides.
_DILATIONS, _STRIDES = (1, 1, 1, 2, 4), (1, 2, 1, 1)


class SegmentationBaseline(nn.Module):
    """Backbone at output stride 8, head and bilinear enlargement to the input size; one frame at a time, no skips.

    Args:
        config: structure whose ``segmenter`` is ``fcn`` or ``deeplabv3``.

    Raises:
        ConfigError: torchvision is not installed.
    """

    def __init__(self, config: VLocNetConfig) -> None:
        super().__init__()
        self._size = (config.height, config.width)
        try:
            self.backbone = _backbone(config)
            self.classifier = (_fcn if config.segmenter == "fcn" else _deeplab)(config)
        except ImportError as error:
            raise ConfigError(
                f"segmenter: {config.segmenter} needs it ({error}); type: pip install torchvision"
            ) from error

    def encode(self, image: Tensor) -> Tensor:
        """Return the backbone's last features at output stride 8 for normalised images (B, 3, H, W)."""
        return torch.as_tensor(self.backbone(image))

    def decode(self, features: Tensor) -> Tensor:
        """Return class logits (B, C, H, W) at the input's size."""
        return functional.interpolate(self.classifier(features), self._size, mode="bilinear", align_corners=False)


def _backbone(config: VLocNetConfig) -> nn.Sequential:
    """Build a ResNet with the stem, widths and units of the structure; modules have torchvision's names."""
    from torchvision.models.resnet import Bottleneck

    unit = type("Bottleneck", (Bottleneck,), {"expansion": config.expansion})
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(3, config.stem, 7, 2, 3, bias=False),
        bn1=nn.BatchNorm2d(config.stem),
        relu=nn.ReLU(inplace=True),
        maxpool=nn.MaxPool2d(3, 2, 1),
    )
    channels = config.stem
    for index, (mid, out, units, stride) in enumerate(
        zip(config.mids, config.outputs, config.units, _STRIDES, strict=True)
    ):
        shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        first = unit(channels, mid, stride, shortcut, dilation=_DILATIONS[index])
        others = [unit(out, mid, dilation=_DILATIONS[index + 1]) for _ in range(units - 1)]
        layers[f"layer{index + 1}"], channels = nn.Sequential(first, *others), out
    backbone = nn.Sequential(layers)
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return backbone


def _fcn(config: VLocNetConfig) -> nn.Module:
    from torchvision.models.segmentation.fcn import FCNHead

    return FCNHead(config.outputs[3], config.classes)


def _deeplab(config: VLocNetConfig) -> nn.Module:
    """Build torchvision's DeepLabHead with an eighth of the backbone's channels in place of 256."""
    from torchvision.models.segmentation.deeplabv3 import ASPP

    channels = max(1, config.outputs[3] // 8)
    return nn.Sequential(
        ASPP(config.outputs[3], list(config.atrous_rates), channels),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, config.classes, 1),
    )
