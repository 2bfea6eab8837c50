"""ImageNet weights for the streams of the `paper` structure, from timm: a pre-activation ResNet-50.

FCN and DeepLabV3 use torchvision's post-activation ResNet-50, SegNet, UpNet and ParseNet VGG-16. timm has both, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vlocnet_ros.network.residual import ResidualUnit
from vlocnet_ros.network.segmentation_baselines import SegmentationBaseline
from vlocnet_ros.network.vlocnetpp import VLocNet


def load_imagenet(network: VLocNet) -> bool:
    """Copy ImageNet weights into every stream; other modules (regressors, fusion, widened inputs) keep Xavier weights.

    Returns:
        True if the weights were copied; without internet access or timm, a warning is given.
    """
    try:
        import timm

        source = timm.create_model(_source(network), pretrained=True).state_dict()
    except Exception as error:  # timm passes on all errors of its download, and each means that there are no weights
        warnings.warn(f"no ImageNet weights ({type(error).__name__}: {error}); starting from random ones", stacklevel=2)
        return False
    copy_weights(network, source)
    return True


def _source(network: VLocNet) -> str:
    """Return timm's name of the model whose weights fit."""
    if network.baseline is None:
        return "resnetv2_50"
    return "resnet50.tv2_in1k" if isinstance(network.baseline, SegmentationBaseline) else "vgg16_bn.tv_in1k"


def copy_weights(network: VLocNet, source: dict[str, Tensor]) -> int:
    """Copy a timm `resnetv2_50` state into the network's streams; return the number of units that were copied.

    The backbone of FCN and DeepLabV3 takes a complete timm `resnet50` state, the other baselines' a `vgg16_bn` one.
    """
    if network.baseline is not None and not isinstance(network.baseline, SegmentationBaseline):
        return _copy_vgg(network.baseline.down, source)
    if network.baseline is not None:
        fits = network.baseline.backbone.state_dict()
        network.baseline.backbone.load_state_dict({name: source[name] for name in fits})
        return sum(network.config.units)
    stages: list[tuple[int, Iterable[nn.Module]]] = []
    stems: list[nn.Conv2d] = []
    trunks = [network.trunk]
    if network.odometry is not None:
        trunks += [network.odometry.current_trunk, network.odometry.previous_trunk]
    for trunk in trunks:
        if trunk is not None:
            stages += [(0, trunk.res2), (1, trunk.res3)]
            stems += [layer for layer in trunk.res1 if isinstance(layer, nn.Conv2d)]
    for encoder in (network.pose, network.coordinate_encoder):
        if encoder is not None:
            stages += [(2, encoder.res4), (3, encoder.res5)]
    if network.odometry is not None:
        stages += [(2, network.odometry.previous_res4), (2, network.odometry.current_res4), (3, network.odometry.res5)]
    if network.segmentation is not None:
        s = network.segmentation
        stages += [(0, s.block1), (1, s.block2), (2, s.block3), (3, s.block4)]
    with torch.no_grad():
        for stem in stems:
            stem.weight.copy_(source["stem.conv.weight"])
        return sum(
            _copy_unit(unit, {k.removeprefix(p): v for k, v in source.items() if k.startswith(p)})
            for stage, units in stages
            for index, unit in enumerate(units)
            if isinstance(unit, ResidualUnit) and (p := f"stages.{stage}.blocks.{index}.")
        )


def _copy_vgg(groups: nn.Module, source: dict[str, Tensor]) -> int:
    """Copy VGG's convolutions and normalisations in their order; its biases move into the normalisations' means."""
    layers = [m for m in groups.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    names = [n.removesuffix(".weight") for n in source if n.startswith("features.") and n.endswith(".weight")]
    bias = torch.zeros(())
    for layer, name in zip(layers, names, strict=True):
        state = {key: source[f"{name}.{key}"] for key in layer.state_dict()}
        if isinstance(layer, nn.BatchNorm2d):
            state["running_mean"] = state["running_mean"] - bias
        else:
            bias = source[f"{name}.bias"]
        layer.load_state_dict(state)
    return sum(isinstance(layer, nn.Conv2d) for layer in layers)


def _copy_unit(unit: ResidualUnit, source: dict[str, Tensor]) -> bool:
    """Copy one bottleneck; the halves of a multi-scale unit take the halves of the 3x3 convolution's filters.

    Returns:
        True if the shapes agree and the unit was copied.
    """
    parts = [conv for conv in unit.conv2 if isinstance(conv, nn.Conv2d)]
    conv2 = torch.cat([conv.weight for conv in parts])
    fits = unit.conv1.weight.shape == source["conv1.weight"].shape and conv2.shape == source["conv2.weight"].shape
    if not fits:
        return False
    unit.conv1.weight.copy_(source["conv1.weight"])
    unit.conv3.weight.copy_(source["conv3.weight"])
    start = 0
    for conv in parts:
        conv.weight.copy_(source["conv2.weight"][start : start + len(conv.weight)])
        start += len(conv.weight)
    if unit.shortcut is not None:
        unit.shortcut.weight.copy_(source["downsample.conv.weight"])
    for name in ("norm1", "norm2", "norm3"):
        norm = getattr(unit, name)
        for key, value in norm.state_dict().items():
            if f"{name}.{key}" in source:
                value.copy_(source[f"{name}.{key}"])
    return True
