"""Random batches of frame pairs. A batch depends on the seed and the step alone, so a resumed run goes on as it would have."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from vlocnet_ros.losses import Targets
from vlocnet_ros.training.augmentation import Batch
from vlocnet_ros.training.frames import Frames


def generator_for(seed: int, step: int, rank: int = 0) -> torch.Generator:
    """Random numbers of one step of one process, independent of all others."""
    generator = torch.Generator()
    # Odd multipliers spread neighbouring steps over the seed space.
    generator.manual_seed((seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB) % 2**63)
    return generator


def gather(frames: Frames, positions: Tensor) -> Batch:
    """The frames at positions (B,), in which 2k and 2k + 1 are neighbours (or the same frame twice)."""
    own = torch.arange(len(positions))
    targets = Targets(
        translation=frames.translation[positions],
        quaternion=frames.quaternion[positions],
        previous=own ^ 1,
        pair=positions != positions[own ^ 1],
        labels=None if frames.labels is None else frames.labels[positions],
        depth=None if frames.depth is None else frames.depth[positions].float(),
    )
    return Batch(frames.images[positions].float() / 255.0, targets)


class RandomBatches(IterableDataset[Batch]):
    """An epoch of random batches.

    Args:
        frames: to draw from; each pair is used in both directions of time, its frames being each other's previous one.
        size: frames in a batch, even.
        seed, rank: of the random numbers.
        steps: batches in an epoch.
    """

    def __init__(self, frames: Frames, *, size: int, seed: int, steps: int, rank: int = 0) -> None:
        super().__init__()
        self._frames, self._size, self._seed, self._steps, self._rank = frames, size, seed, steps, rank
        #: Global step that the next epoch begins at; the training loop sets it.
        self.first_step = 0

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.first_step, self.first_step + self._steps):
            generator = generator_for(self._seed, step, self._rank)
            chosen = torch.randint(len(self._frames.pairs), (self._size // 2,), generator=generator)
            yield gather(self._frames, self._frames.pairs[chosen].flatten())
