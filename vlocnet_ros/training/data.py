"""Data of a training: sequences for training and validation, cut to frame numbers and decoded once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from localization_common.datasets.opening import open_sequences
from localization_common.datasets.place_drives import named_or_drives
from localization_common.datasets.sequence import Sequence
from localization_common.files.tensor_files import load_header
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.map_depth import with_map_depth
from localization_common.photometry.normalization import Normalization
from localization_common.place import Place
from localization_common.place.choice import open_if_given
from localization_common.recording_check.warnings import announce_checked
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.network.systems import SYSTEMS
from vlocnet_ros.runtime.checkpoint import KIND, Description
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.held_out_frames import split_drives
from vlocnet_ros.training.photometric import measured
from vlocnet_ros.training.training_frames import TrainingFrames, network_camera


@dataclass(frozen=True)
class TrainingData:
    """Frames in memory, as the network's camera sees them.

    Attributes:
        frames: training frames.
        validation: validation frames; None without held-out sequences.
        held_out: sequences of the validation frames, on which the written checkpoint is measured.
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
        """True if any two frames are neighbours."""
        return bool((self.frames.pairs[:, 0] != self.frames.pairs[:, 1]).any())

    @property
    def lacks_depth(self) -> bool:
        """True if any frame lacks depth at most of its pixels: its depth is learned from pairs, too."""
        depth = self.frames.depth
        return depth is None or not bool(measured(depth).all())

    def trainable(self, wanted: Tasks) -> Tasks | None:
        """Return the wanted streams that this data can train; None if there are none.

        Without depth in the data, depth is learned from the motion between frames.
        """
        labels, depth = self.frames.labels is not None, self.frames.depth is not None
        # Scene coordinates read the encoder that depth is decoded from.
        depth = depth or self.moving or wanted.coordinates
        kept = {"segmentation": wanted.segmentation and labels, "depth": wanted.depth and depth}
        return replace(wanted, **kept) if wanted.localizes or any(kept.values()) else None


def open_data(config: TrainConfig) -> tuple[list[Sequence], list[Sequence]]:
    """Open the training sequences and the held-out sequences; without a depth camera, depth comes from the place's map.

    Parts of the drives are held out if the options name no frames and no sequences for the validation.
    """
    options = config.recording
    place = open_if_given(options.place)
    recordings = named_or_drives(config.train, place, left_out=config.validate, option="train")
    every = [announce_checked(s) for path in recordings for s in open_sequences(path, options)]
    chosen = [s.chosen(config.frames, config.exclude).with_poses() for s in every]
    held_out = [announce_checked(s) for path in config.validate for s in open_sequences(path, options, split="test")]
    ranges = config.validate_frames or (config.exclude if not config.validate else "")
    if not held_out and ranges:
        held_out = every
    held_out = [s.chosen(ranges).with_poses() for s in held_out]
    if not held_out:
        chosen, held_out = split_drives(chosen, config.hold_out)
    return [with_depth_of(place, s) for s in chosen], [with_depth_of(place, s) for s in held_out]


def with_depth_of(place: Place | None, sequence: Sequence) -> Sequence:
    """Return a sequence with the depth of a place's points, if it has no other and the place has a keyframe map."""
    if place is None or sequence.read_depth is not None or not place.has("keyframes"):
        return sequence
    found = with_map_depth(sequence, KeyframeMap.load(place.file("keyframes")))
    print(f"{sequence.name}: no depth images; depth {found.summary.fact('depth')}")
    return found


def structure(config: TrainConfig, *, tasks: Tasks | None = None, classes: int = 10) -> VLocNetConfig:
    """Return the structure of the network for these options."""
    system = SYSTEMS[config.system]
    model = system.structure(config.model, tasks=tasks, classes=classes, ablations=config.ablate)
    return replace(
        model,
        width=config.width or model.width,
        height=config.height or model.height,
        depth_range=config.depth_range or model.depth_range,
        normalization=config.normalization or _front_end(config.initial),
    )


def _front_end(initial: tuple[Path, ...]) -> Normalization:
    """Return the front end of the first network, whose weights suit no other; ``none`` without a network."""
    if not initial:
        return "none"
    header = load_header(initial[0], kind=KIND)
    return Description.from_header(header, initial[0]).config.normalization
