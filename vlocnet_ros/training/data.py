"""What a training learns from and is validated on: sequences opened, cut to frame numbers, decoded once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from localization_common.datasets.opening import open_sequences
from localization_common.datasets.sequence import Sequence
from localization_common.recording_check.warnings import announce_checked
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.systems import SYSTEMS
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.training_frames import TrainingFrames, network_camera


@dataclass(frozen=True)
class TrainingData:
    """Frames in memory, as the network's camera sees them.

    Attributes:
        frames: to train on.
        validation: to validate on during training; None without held-out sequences.
        held_out: the sequences of the latter, to measure the written file on.
    """

    frames: TrainingFrames
    validation: TrainingFrames | None
    held_out: tuple[Sequence, ...]

    @classmethod
    def read(cls, config: TrainConfig) -> TrainingData:
        """Open and decode everything.

        Raises:
            DatasetError: a path is no data set, a selection leaves no frames, or sequences disagree about classes.
        """
        sequences, held_out = open_data(config)
        size = structure(config)
        camera = network_camera(sequences[0].camera, size.width, size.height)
        frames = TrainingFrames.read(sequences, camera, max_frame_gap=config.max_frame_gap)
        validation = TrainingFrames.read(held_out, camera, max_frame_gap=config.max_frame_gap) if held_out else None
        print(f"{len(frames)} frames in {len(frames.pairs)} pairs to train on, {len(validation or ())} to validate")
        return cls(frames, validation, tuple(held_out))

    @property
    def moving(self) -> bool:
        """Whether any two frames are neighbours."""
        return bool((self.frames.pairs[:, 0] != self.frames.pairs[:, 1]).any())

    @property
    def lacks_depth(self) -> bool:
        """Whether any frame has no depth at all."""
        depth = self.frames.depth
        return depth is None or not bool(torch.isfinite(depth).flatten(1).any(1).all())

    def trainable(self, wanted: Tasks) -> Tasks | None:
        """Those of the wanted streams that can be learned from this data; None if that leaves none.

        Depth is learned from the motion between frames where it is not in the data.
        """
        labels, depth = self.frames.labels is not None, self.frames.depth is not None
        kept = {"segmentation": wanted.segmentation and labels, "depth": wanted.depth and (depth or self.moving)}
        return replace(wanted, **kept) if wanted.pose or wanted.odometry or any(kept.values()) else None


def open_data(config: TrainConfig) -> tuple[list[Sequence], list[Sequence]]:
    """Sequences to train on, and sequences that are held out."""
    options = config.recording
    every = [announce_checked(s) for path in config.train for s in open_sequences(path, options)]
    chosen = [s.chosen(config.frames, config.exclude).with_poses() for s in every]
    held_out = [announce_checked(s) for path in config.validate for s in open_sequences(path, options, split="test")]
    ranges = config.validate_frames or (config.exclude if not config.validate else "")
    if not held_out and ranges:
        held_out = every
    return chosen, [s.chosen(ranges).with_poses() for s in held_out]


def structure(config: TrainConfig, *, tasks: Tasks | None = None, classes: int = 10) -> VLocNetConfig:
    """Structure of the network that is asked for."""
    system = SYSTEMS[config.system]
    model = system.structure(config.model, tasks=tasks, classes=classes, ablations=config.ablate)
    return replace(
        model,
        width=config.width or model.width,
        height=config.height or model.height,
        depth_range=config.depth_range or model.depth_range,
    )
