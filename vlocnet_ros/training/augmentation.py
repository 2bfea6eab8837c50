"""Augmentation of a batch of frame pairs: viewpoint, small shifts, light and erased patches."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from localization_common.camera.adapter import NARROWEST
from localization_common.geometry import quaternions
from localization_common.photometry.relighting import relight
from vlocnet_ros.training.losses import IGNORE, Targets
from vlocnet_ros.training.viewpoint import reproject


@dataclass(frozen=True)
class AugmentationConfig:
    """Strength of the augmentation.

    Attributes:
        viewpoint: share of pairs that are re-projected to nearby poses; needs depth, of a part of the pixels at least.
        metres, degrees: standard deviation of such a pose, common to both frames of a pair.
        relative: deviation of each single frame as a share of the common one; it varies the motion between frames.
        planar: for robots on a floor with a level camera: almost no change of height, roll and pitch.
        light: strength of brightness, contrast and colour changes.
        relight: share of pairs in other light, through another camera (`localization_common.photometry.relighting`).
        narrow: share of pairs as a lens with a narrower view shows them (`localization_common.camera.adapter`).
        erase: share of images in which a random patch is erased.
        shift: largest shift of the images in pixels, the same for both of a pair.
        mirror: share of pairs that are mirrored together with the map; for odometry without the pose stream only.
        alone: share of pairs whose frames are each used as a first frame.
    """

    viewpoint: float = 0.6
    metres: float = 0.12
    degrees: float = 8.0
    relative: float = 0.25
    planar: bool = False
    light: float = 0.3
    relight: float = 0.6
    narrow: float = 0.15
    erase: float = 0.3
    shift: int = 3
    mirror: float = 0.0
    alone: float = 0.1


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
    random = _Random(generator, batch.images.device)
    images, targets, group = batch.images, batch.targets, batch.group
    guessed = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    if targets.depth is not None and config.viewpoint > 0.0:
        images, targets, guessed = _viewpoint(images, targets, intrinsics, config, random, group)
    if config.mirror > 0.0:
        images, targets = _mirror(images, targets, config, random, group)
    if config.shift > 0:
        images, targets = _shift(images, targets, config, random)
    plain, images = images, _light(images, config, random, group)
    if config.relight > 0.0:
        images = relight(images, config.relight, generator, group=group)
    if config.narrow > 0.0:
        images, targets = _narrow(images, targets, intrinsics, config, random, group)
    images = _erase(images, config, random)
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


class _Random:
    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        self._generator, self._device = generator, device

    def uniform(self, *size: int) -> Tensor:
        return torch.rand(size, generator=self._generator).to(self._device)

    def normal(self, *size: int) -> Tensor:
        return torch.randn(size, generator=self._generator).to(self._device)


def _viewpoint(
    images: Tensor, targets: Targets, intrinsics: Tensor, config: AugmentationConfig, random: _Random, group: int
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


def _shift(images: Tensor, targets: Targets, config: AugmentationConfig, random: _Random) -> tuple[Tensor, Targets]:
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
    images: Tensor, targets: Targets, config: AugmentationConfig, random: _Random, group: int
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


def _light(images: Tensor, config: AugmentationConfig, random: _Random, group: int) -> Tensor:
    """Change colour gains, contrast and brightness, mostly by the same amounts for both frames of a pair."""
    n, a = len(images), config.light

    def vary(channels: int) -> Tensor:
        pair = (random.uniform(n // group, channels, 1, 1) - 0.5).repeat_interleave(group, dim=0)
        return 2.0 * (0.8 * pair + 0.2 * (random.uniform(n, channels, 1, 1) - 0.5))

    gain = 1.0 + 0.5 * a * vary(3) + 0.5 * a * vary(1)
    return ((images - 0.45) * gain + 0.45 + 0.35 * a * vary(1)).clamp(0.0, 1.0)


def _narrow(
    images: Tensor, targets: Targets, intrinsics: Tensor, config: AugmentationConfig, random: _Random, group: int
) -> tuple[Tensor, Targets]:
    """Fill the pixels that a narrower lens does not see with the mean of the others; they have no labels."""
    n, _, height, width = images.shape
    fx, fy, cx, cy = (float(v) for v in intrinsics)
    numbers = random.uniform(n // group, 3).repeat_interleave(group, dim=0)
    widest, least = max(cx + 0.5, width - 0.5 - cx) / fx, math.tan(math.radians(NARROWEST / 2.0))
    across = least + numbers[:, 0] * max(0.0, widest - least)
    down = across * (0.5 + 0.3 * numbers[:, 1])  # from 2:1 to 5:4
    columns = ((torch.arange(width, device=images.device) - cx) / fx).abs()
    rows = ((torch.arange(height, device=images.device) - cy) / fy).abs()
    seen = (rows[None, :, None] <= down[:, None, None]) & (columns[None, None, :] <= across[:, None, None])
    seen = (seen | (numbers[:, 2] >= config.narrow)[:, None, None])[:, None]
    mean = (images * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True)
    labels = targets.labels
    if labels is not None:
        labels = torch.where(seen[:, 0], labels, torch.full_like(labels, IGNORE))
    return torch.where(seen, images, mean), replace(targets, labels=labels)


def _erase(images: Tensor, config: AugmentationConfig, random: _Random) -> Tensor:
    n, _, height, width = images.shape
    numbers = random.uniform(n, 8)
    rows = torch.arange(height, device=images.device)[None, :, None]
    columns = torch.arange(width, device=images.device)[None, None, :]
    h, w = ((0.15 + 0.35 * numbers[:, i]) * size for i, size in ((0, height), (1, width)))
    top, left = numbers[:, 2] * (height - h), numbers[:, 3] * (width - w)
    inside = (rows >= top[:, None, None]) & (rows < (top + h)[:, None, None])
    inside = inside & (columns >= left[:, None, None]) & (columns < (left + w)[:, None, None])
    inside = inside & (numbers[:, 4] < config.erase)[:, None, None]
    return torch.where(inside[:, None], numbers[:, 5:8, None, None].expand_as(images), images)
