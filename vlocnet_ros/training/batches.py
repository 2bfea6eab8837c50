"""Random batches. One depends on the seed and the step alone, so a resumed run goes on as it would have."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from localization_common.errors import ConfigError
from vlocnet_ros.losses import Targets
from vlocnet_ros.training.augmentation import Batch, Kind
from vlocnet_ros.training.frames import Frames


def generator_for(seed: int, step: int, rank: int = 0) -> torch.Generator:
    """Random numbers of one step of one process, independent of all others."""
    generator = torch.Generator()
    # Odd multipliers spread neighbouring steps over the seed space.
    generator.manual_seed((seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB) % 2**63)
    return generator


def gather(frames: Frames, positions: Tensor, kind: Kind = Kind.ALL, *, paired: bool = True) -> Batch:
    """The frames at positions (B,): 2k and 2k + 1 are neighbours (or the same frame twice), or all are alone."""
    own = torch.arange(len(positions))
    previous = own ^ 1 if paired else own
    targets = Targets(
        translation=frames.translation[positions],
        quaternion=frames.quaternion[positions],
        previous=previous,
        pair=positions != positions[previous],
        labels=None if frames.labels is None or kind is not Kind.ALL else frames.labels[positions],
        depth=None if frames.depth is None else frames.depth[positions].float(),
    )
    return Batch(frames.images[positions].float() / 255.0, targets, kind)


@dataclass(frozen=True)
class Mixture:
    """How many steps of each kind make a cycle.

    Pose learns from many places, and the two frames of a pair show the same one; segmentation costs more than
    everything else together. Steps that train a part only spend the time where it is needed.
    """

    pose: int = 3
    pairs: int = 1
    all: int = 1

    def __post_init__(self) -> None:
        if min(self.pose, self.pairs, self.all) < 0 or self.pose + self.pairs + self.all < 1:
            raise ConfigError(f"mixture: {self} needs at least one step")

    def kind(self, step: int) -> Kind:
        """Kind of this step; the steps of each kind are spread evenly over the cycle."""
        numbers = {Kind.ALL: self.all, Kind.PAIRS: self.pairs, Kind.POSE: self.pose}
        places = sorted(
            (((i + 0.5) / n, order, kind) for order, (kind, n) in enumerate(numbers.items()) for i in range(n))
        )
        return places[step % len(places)][2]


class RandomBatches:
    """Random batches by the number of their step.

    Args:
        frames: to draw from; each pair is used in both directions of time, its frames being each other's previous one.
        size: frames in a batch, even.
        seed, rank: of the random numbers.
        mixture: of kinds of steps.
        paired: whether any stream looks at two frames; if not, all frames of a batch are drawn by themselves.
    """

    def __init__(
        self,
        frames: Frames,
        *,
        size: int,
        seed: int,
        rank: int = 0,
        mixture: Mixture | None = None,
        paired: bool = True,
    ) -> None:
        self._frames, self._size, self._seed, self._rank = frames, size, seed, rank
        self._mixture, self._paired = mixture or Mixture(0, 0, 1), paired

    def __call__(self, step: int) -> Batch:
        """The batch of this step, always the same."""
        generator = generator_for(self._seed, step, self._rank)
        kind = self._mixture.kind(step)
        paired = self._paired and kind is not Kind.POSE
        if not paired:
            positions = torch.randint(len(self._frames), (self._size,), generator=generator)
        else:
            chosen = torch.randint(len(self._frames.pairs), (self._size // 2,), generator=generator)
            positions = self._frames.pairs[chosen].flatten()
        return gather(self._frames, positions, kind, paired=paired)
