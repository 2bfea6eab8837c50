"""Augmentation of a batch of frame pairs: viewpoint, small shifts, light and erased patches."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.training.appearance import Random, change_appearance
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.losses import IGNORE, Targets
from vlocnet_ros.training.viewpoint import reproject


class StepKind(enum.Enum):
    """Streams that a training step trains."""

    POSE = "pose"  # single frames
    PAIRS = "pairs"  # pose and odometry
    ALL = "all"  # segmentation and depth too


@dataclass(frozen=True)
class FrameBatch:
    """Images (B, 3, H, W) in 0..1, in groups of neighbours along a drive, which are augmented in the same way.

    `plain` holds the same images without changes of light and erased patches; None before the augmentation.
    `guessed` (B,) is True for frames that were re-projected with partly completed depth; None before the augmentation.
    """

    images: Tensor
    targets: Targets
    kind: StepKind = StepKind.ALL
    group: int = 2
    plain: Tensor | None = None
    guessed: Tensor | None = None


def augment(
    batch: FrameBatch, intrinsics: Tensor, config: AugmentationConfig, generator: torch.Generator
) -> FrameBatch:
    """Return a randomly augmented batch; the same for the same generator state."""
    random = Random(generator, batch.images.device)
    images, targets, group = batch.images, batch.targets, batch.group
    guessed = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    if targets.depth is not None and config.viewpoint > 0.0:
        images, targets, guessed = _viewpoint(images, targets, intrinsics, config, random, group)
    if config.mirror > 0.0:
        images, targets = _mirror(images, targets, config, random, group)
    if config.shift > 0:
        images, targets = _shift(images, targets, config, random)
    plain = images
    images, targets = change_appearance(images, targets, intrinsics, config, random, group)
    first = random.uniform(len(images) // group).lt(config.alone).repeat_interleave(group)
    own = torch.arange(len(images), device=images.device)
    targets = Targets(
        targets.translation,
        targets.quaternion,
        torch.where(first, own, targets.previous),
        targets.pair & ~first,
        targets.labels,
        targets.depth,
    )
    return replace(batch, images=images, targets=targets, plain=plain, guessed=guessed)


def _viewpoint(
    images: Tensor, targets: Targets, intrinsics: Tensor, config: AugmentationConfig, random: Random, group: int
) -> tuple[Tensor, Targets, Tensor]:
    """Re-project some pairs to nearby poses; both frames get a common deviation and each a small one.

    Pairs with a frame without any depth stay as they are. The last result (B,) is `FrameBatch.guessed`.
    """
    assert targets.depth is not None
    n, known = len(images), torch.isfinite(targets.depth).flatten(1)
    drawn = random.uniform(n // group).lt(config.viewpoint) & known.any(1).view(-1, group).all(1)
    drawn = drawn.repeat_interleave(group)
    chosen = drawn.nonzero()[:, 0]
    # Optical axes: x right, y down, z forward. A level camera on a floor turns about y and moves along x and z.
    level = torch.tensor([1.0, 0.05, 1.0] if config.planar else [1.0, 1.0, 1.0], device=images.device)
    turning = torch.tensor([0.05, 1.0, 0.05] if config.planar else [0.8, 1.1, 0.7], device=images.device)

    def deviation() -> tuple[Tensor, Tensor]:
        common_x, common_w = (random.normal(n // group, 3).repeat_interleave(group, dim=0) for _ in range(2))
        x = (common_x + config.relative * random.normal(n, 3)) * config.metres * level
        w = (common_w + config.relative * random.normal(n, 3)) * torch.deg2rad(turning * config.degrees)
        return x, _rotation(w)

    translation, quaternion = (t[chosen] for t in deviation())
    depth = targets.depth[chosen].float()
    labels = None if targets.labels is None else targets.labels[chosen]
    view = reproject(images[chosen], depth, labels, intrinsics, translation, quaternion)
    flat = random.uniform(len(chosen), 3, 1, 1).expand_as(view.image)
    images = images.index_copy(0, chosen, torch.where(view.seen[:, None], view.image, flat))
    old_q = targets.quaternion[chosen]
    moved = targets.translation[chosen] + quaternions.rotate(old_q, translation)
    new_labels = targets.labels
    if new_labels is not None and view.labels is not None:
        new_labels = new_labels.index_copy(0, chosen, view.labels)
    moved_targets = Targets(
        targets.translation.index_copy(0, chosen, moved),
        targets.quaternion.index_copy(0, chosen, quaternions.multiply(old_q, quaternion)),
        targets.previous,
        targets.pair,
        new_labels,
        targets.depth.index_copy(0, chosen, view.depth.to(targets.depth.dtype)),
    )
    return images, moved_targets, drawn & ~known.all(1)


def _rotation(vector: Tensor) -> Tensor:
    """Return unit quaternions (N, 4) of rotation vectors (N, 3)."""
    angle = vector.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    return torch.cat([torch.cos(angle / 2.0), torch.sin(angle / 2.0) * vector / angle], dim=-1)


def _shift(images: Tensor, targets: Targets, config: AugmentationConfig, random: Random) -> tuple[Tensor, Targets]:
    """Shift the batch by a few pixels; images repeat their border, labels and depth have no values there."""
    s = config.shift
    dx, dy = (int(v) for v in (random.uniform(2) * (2 * s + 1)).long().clamp_max(2 * s))
    height, width = images.shape[-2:]

    def move(x: Tensor, value: float | None) -> Tensor:
        mode, fill = ("replicate", None) if value is None else ("constant", value)
        padded = functional.pad(x[:, None] if x.ndim == 3 else x, (s, s, s, s), mode, fill)
        padded = padded[:, 0] if x.ndim == 3 else padded
        return padded[..., dy : dy + height, dx : dx + width]

    return move(images, None), Targets(
        targets.translation,
        targets.quaternion,
        targets.previous,
        targets.pair,
        None if targets.labels is None else move(targets.labels, IGNORE),
        None if targets.depth is None else move(targets.depth, float("nan")),
    )


def _mirror(
    images: Tensor, targets: Targets, config: AugmentationConfig, random: Random, group: int
) -> tuple[Tensor, Targets]:
    """Exchange left and right in some pairs: image, labels, depth, and the x axis of the map and of the camera."""
    n = len(images)
    chosen = random.uniform(n // group).lt(config.mirror).repeat_interleave(group)
    x_flip = images.new_tensor([-1.0, 1.0, 1.0])
    q_flip = images.new_tensor([1.0, 1.0, -1.0, -1.0])  # diag(-1, 1, 1) R diag(-1, 1, 1)

    def some(x: Tensor, mirrored: Tensor) -> Tensor:
        return torch.where(chosen.view(n, *[1] * (x.ndim - 1)), mirrored, x)

    return some(images, images.flip(-1)), Targets(
        some(targets.translation, targets.translation * x_flip),
        some(targets.quaternion, targets.quaternion * q_flip),
        targets.previous,
        targets.pair,
        None if targets.labels is None else some(targets.labels, targets.labels.flip(-1)),
        None if targets.depth is None else some(targets.depth, targets.depth.flip(-1)),
    )
