"""Buffer of cells: features of many augmented images, computed once, with what is known of each cell.

The features know no place and are not trained. Therefore a training of scene coordinates needs no images: it draws
cells of all images at random, so that a batch shows the whole place (ACE: Brachmann et al., CVPR 2023).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training.augmentation import StepKind, augment
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.batches import gather, generator_for
from vlocnet_ros.training.coordinate_loss import Cells, cells_of
from vlocnet_ros.training.training_frames import TrainingFrames

#: Number of cells that are kept; with 400 features each, they take 1.2 GB.
MOST_CELLS = 1_500_000
#: Images that are computed at once.
_BATCH = 32
#: Least and largest number of copies of each image: in other light, and from other poses.
_COPIES = (4, 24)
#: Largest number of cells of an image that are kept: neighbouring cells have similar features.
_OF_IMAGE = 160


@dataclass(frozen=True)
class CellBuffer:
    """Cells of augmented images.

    Attributes:
        features: (N, C) half precision, see `VLocNet.coordinate_features`.
        cells: what is known of the N cells; all are judged.
    """

    features: Tensor
    cells: Cells

    def __len__(self) -> int:
        return len(self.features)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Cells]:
        """Draw features (size, C), float32, and cells (size) at random, with replacement."""
        chosen = torch.randint(len(self), (size,), generator=generator)
        return self.features[chosen].float(), Cells(*(part[chosen] for part in self.cells))


def copies_of(frames: int, minutes: float | None = None, speed: float = 60.0) -> int:
    """Return the number of copies of each image.

    Args:
        frames: number of images.
        minutes: time for the computation of all features; None for no limit.
        speed: images a second.
    """
    wanted = MOST_CELLS / (frames * _OF_IMAGE)
    if minutes is not None:
        wanted = min(wanted, 60.0 * minutes * speed / frames)
    return max(_COPIES[0], min(_COPIES[1], round(wanted)))


@torch.no_grad()
def fill_buffer(
    network: VLocNet, frames: TrainingFrames, augmentation: AugmentationConfig, *, copies: int, seed: int
) -> CellBuffer:
    """Compute the features of all images, each in several copies with other light and from other poses.

    Args:
        network: network whose features are taken; its statistics do not change.
        frames: images with poses, and with depth if there is any.
        augmentation: strength of the augmentation.
        copies: number of copies of each image.
        seed: seed of the augmentation and of the choice of cells.
    """
    network.eval()
    kept = min(_OF_IMAGE, max(1, MOST_CELLS // (copies * len(frames))))
    parts: list[tuple[Tensor, Cells]] = []
    began = time.monotonic()
    for copy in range(copies):
        for first in range(0, len(frames), _BATCH):
            generator = generator_for(seed, first, copy)
            positions = torch.arange(first, min(first + _BATCH, len(frames)))
            own = torch.arange(len(positions))
            batch = gather(frames, positions, StepKind.POSE, previous=own, group=1)
            batch = augment(batch, network.intrinsics, augmentation, generator)
            features = network.coordinate_features(batch.images.contiguous(memory_format=torch.channels_last))
            height, width = batch.images.shape[-2:]
            cells = cells_of(batch.targets, height, width, network.intrinsics)
            parts.append(_chosen(features, cells, kept, generator))
        if copy == 0:
            took = time.monotonic() - began
            print(f"features of {copies} copies of {len(frames)} images: {took * copies / 60.0:.1f} min", flush=True)
    features = torch.cat([part[0] for part in parts])
    return CellBuffer(
        features, Cells(*(torch.cat(values) for values in zip(*(part[1] for part in parts), strict=True)))
    )


def _chosen(features: Tensor, cells: Cells, count: int, generator: torch.Generator) -> tuple[Tensor, Cells]:
    """Choose up to a number of judged cells of each of B images at random; return them without images, (N)."""
    order = torch.rand(cells.judged.shape, generator=generator).masked_fill(~cells.judged, 2.0).argsort(1)[:, :count]
    rows = torch.arange(len(order))[:, None].expand_as(order)
    found = cells.judged[rows, order]
    rows, columns = rows[found], order[found]
    return features[rows, columns].half(), Cells(*(part[rows, columns] for part in cells))
