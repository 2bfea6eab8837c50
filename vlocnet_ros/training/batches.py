"""Random batches. A batch depends on seed and step only, so a resumed run draws the same batches."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from localization_common.errors import ConfigError
from vlocnet_ros.training.augmentation import FrameBatch, StepKind
from vlocnet_ros.training.losses import Targets
from vlocnet_ros.training.training_frames import TrainingFrames


def generator_for(seed: int, step: int, rank: int = 0) -> torch.Generator:
    """Return the random generator of one step of one process, independent of all others."""
    generator = torch.Generator()
    # Odd multipliers spread neighbouring steps over the seed space.
    generator.manual_seed((seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB) % 2**63)
    return generator


def gather(
    frames: TrainingFrames,
    positions: Tensor,
    kind: StepKind = StepKind.ALL,
    *,
    previous: Tensor | None = None,
    group: int = 2,
) -> FrameBatch:
    """Return a batch of the frames at positions (B,).

    Args:
        previous: (B,) position in the batch of each frame's previous one; by default 2k and 2k + 1 are each other's.
        group: number of consecutive frames that are neighbours.
    """
    previous = torch.arange(len(positions)) ^ 1 if previous is None else previous
    targets = Targets(
        translation=frames.translation[positions],
        quaternion=frames.quaternion[positions],
        previous=previous,
        pair=positions != positions[previous],
        labels=None if frames.labels is None or kind is not StepKind.ALL else frames.labels[positions],
        depth=None if frames.depth is None else frames.depth[positions].float(),
    )
    return FrameBatch(frames.images[positions].float() / 255.0, targets, kind, group)


@dataclass(frozen=True)
class StepMixture:
    """Number of steps of each kind in a cycle.

    The pose stream needs many places, but the two frames of a pair show the same place; segmentation takes more time
    than all other streams together. Steps that train a part of the network save that time.
    """

    pose: int = 3
    pairs: int = 1
    all: int = 1

    def __post_init__(self) -> None:
        if min(self.pose, self.pairs, self.all) < 0 or self.pose + self.pairs + self.all < 1:
            raise ConfigError(f"mixture: {self} needs at least one step")

    def kind(self, step: int) -> StepKind:
        """Return the kind of a step; the steps of each kind are spread evenly over the cycle."""
        numbers = {StepKind.ALL: self.all, StepKind.PAIRS: self.pairs, StepKind.POSE: self.pose}
        places = sorted(
            (((i + 0.5) / n, order, kind) for order, (kind, n) in enumerate(numbers.items()) for i in range(n))
        )
        return places[step % len(places)][2]


class RandomBatches:
    """Random batches by the number of their step.

    Args:
        frames: frames of the batches.
        size: number of frames in a batch, even.
        seed, rank: seed of the random numbers and rank of the process.
        mixture: mixture of kinds of steps.
        clip: length of sequences of neighbours that are drawn in the true direction of time; 0 draws pairs and uses
            them in both directions.
        paired: whether a stream uses two frames; otherwise all frames of a batch are drawn independently.
    """

    def __init__(
        self,
        frames: TrainingFrames,
        *,
        size: int,
        seed: int,
        rank: int = 0,
        mixture: StepMixture | None = None,
        paired: bool = True,
        clip: int = 0,
    ) -> None:
        self.frames, self._size, self._seed, self._rank = frames, size, seed, rank
        self._mixture, self._paired, self._clip = mixture or StepMixture(0, 0, 1), paired, clip
        self._following = torch.arange(len(frames))
        self._following[frames.pairs[:, 0]] = frames.pairs[:, 1]

    def __call__(self, step: int) -> FrameBatch:
        """Return the batch of a step, always the same."""
        generator = generator_for(self._seed, step, self._rank)
        kind = self._mixture.kind(step)
        if not self._paired or kind is StepKind.POSE:
            positions = torch.randint(len(self.frames), (self._size,), generator=generator)
            return gather(self.frames, positions, kind, previous=torch.arange(self._size), group=1)
        if self._clip == 0:
            chosen = torch.randint(len(self.frames.pairs), (self._size // 2,), generator=generator)
            return gather(self.frames, self.frames.pairs[chosen].flatten(), kind)
        first = torch.randint(len(self.frames), (self._size // self._clip,), generator=generator)
        sequence = [first]
        for _ in range(self._clip - 1):
            sequence.append(self._following[sequence[-1]])
        own = torch.arange(self._size)
        previous = torch.where(own % self._clip == 0, own, own - 1)
        return gather(self.frames, torch.stack(sequence, dim=1).flatten(), kind, previous=previous, group=self._clip)
