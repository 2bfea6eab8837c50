"""Grad-CAM++ heat map of the pose regression (paper, figure 3; Chattopadhay et al. 2018).

Grad-CAM++ explains the score of a class. A regressor has no class. Without evidence it gives the mean of the training
poses; its activations move the pose away from there. So the score is the length of this move: the norm of the
translation in the regressor's own units, standard deviations from the map's mean. It is of the order of one, as
Grad-CAM++ expects. Rotation has no part in it: the length of fc3's output is normalised away, and its zero is no
rotation.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.errors import ConfigError
from vlocnet_ros.network.pose import PoseStream
from vlocnet_ros.network.vlocnetpp import FrameFeatures, VLocNet

#: Block of the pose stream whose features are weighed. The regressor pools res5's; the others' maps are finer.
Layer = Literal["res5", "res4", "res3"]
_STRIDES = {"res5": 32, "res4": 16, "res3": 8}


def explain(network: VLocNet, current: FrameFeatures, previous: FrameFeatures, *, layer: Layer = "res5") -> Tensor:
    """Heat map: influence of each part of the current frame on the distance of its position from the map's mean.

    The pose stream runs once more, from the features of the trunk on, with gradients. Features from inference mode are
    accepted; no argument changes.

    Args:
        network: network in evaluation mode.
        current, previous: arguments of `VLocNet.decode`.
        layer: block whose features are weighed, with output stride 32 (res5), 16 (res4) or 8 (res3).

    Returns:
        (B, height, width) of the network's input, float32; the largest value of each map is 1, or 0 if there is none.

    Raises:
        ConfigError: the network has no pose stream, or no block of this name.
    """
    if layer not in _STRIDES:
        raise ConfigError(f"layer: {layer!r} is none of {', '.join(_STRIDES)}")
    if network.pose is None or current.trunk is None or previous.pose_5a is None:
        raise ConfigError("a network without pose stream has no pose to explain")
    semantics = None if current.segmentation is None else current.segmentation.res5c
    with torch.inference_mode(False), torch.enable_grad():
        features, score = _run(network.pose, current.trunk, semantics, previous.pose_5a, layer)
        (gradients,) = torch.autograd.grad(score.sum(), features)
    with torch.no_grad():
        coarse = grad_cam_plus_plus(features, gradients)
        heat = spread(coarse, _STRIDES[layer], height=network.config.height, width=network.config.width)
        return heat / heat.amax((1, 2), keepdim=True).clamp_min(torch.finfo(heat.dtype).tiny)


def grad_cam_plus_plus(features: Tensor, gradients: Tensor) -> Tensor:
    """Weighted sum of features, equations 10 and 19 of Chattopadhay et al., for scores S behind Y = exp(S).

    Their networks have ReLU, ours ELU. The denominator sums positive features only, so that it cannot vanish; for
    features that are never negative this is the same.

    Args:
        features: (B, C, h, w) activations A.
        gradients: (B, C, h, w) dS/dA.

    Returns:
        (B, h, w), not negative.
    """
    present = features.clamp_min(0.0).sum((2, 3), keepdim=True)
    positive = gradients.clamp_min(0.0)
    # alpha = g^2 / (2 g^2 + g^3 sum A), shortened by g^2; where g is not positive, the product with it is zero anyway.
    alpha = 1.0 / (2.0 + present * positive)
    weights = (alpha * positive).sum((2, 3), keepdim=True)
    return (weights * features).sum(1).clamp_min(0.0)


def spread(coarse: Tensor, stride: int, *, height: int, width: int) -> Tensor:
    """Maps (B, h, w) at an output stride, interpolated bilinearly to (B, height, width).

    Cell i of a chain of convolutions with odd kernels and symmetric padding looks at pixel i * stride, not at the
    middle of the i-th stride: an ordinary resize would shift a map by half a stride.
    """
    size = tuple((cells - 1) * stride + 1 for cells in coarse.shape[1:])
    fine = functional.interpolate(coarse[:, None], size, mode="bilinear", align_corners=True)
    return functional.pad(fine, (0, width - size[1], 0, height - size[0]), mode="replicate")[:, 0]


def _run(
    pose: PoseStream, trunk: Tensor, semantics: Tensor | None, previous_5a: Tensor, layer: Layer
) -> tuple[Tensor, Tensor]:
    """Features (B, C, h, w) of a block as the next one reads them, normalised and activated, and the scores (B,)."""
    readers = {"res3": (pose.res4[0], "conv1"), "res4": (pose.res5[0], "conv1"), "res5": (pose.regressor, "pool")}
    block, name = readers[layer]
    reader = block.get_submodule(name)
    features: list[Tensor] = []
    translations: list[Tensor] = []
    hooks = [
        reader.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0])),
        pose.regressor.fc2.register_forward_hook(lambda _, inputs, output: translations.append(output)),
    ]
    try:
        # Copies: tensors of inference mode take no part in gradients. Half precision would blur them.
        dtype = pose.regressor.fc2.weight.dtype
        semantics = None if semantics is None else semantics.clone().to(dtype)
        pose_5a = pose.encode(trunk.clone().to(dtype).requires_grad_(), semantics)
        pose.decode(pose_5a, previous_5a.clone().to(dtype))
    finally:
        for hook in hooks:
            hook.remove()
    return features[0], torch.linalg.vector_norm(translations[0], dim=1)
