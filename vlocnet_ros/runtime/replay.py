"""Replay of a recorded sequence through a localizer, frame by frame, as a node does it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.errors import InputError
from vlocnet_ros.runtime.camera_motion import Odometry, OdometrySample
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer


@dataclass(frozen=True)
class ReplayedFrame:
    """Result of one frame of a replay.

    Attributes:
        position: index of the frame in the sequence.
        stamp: nanoseconds.
        image: (H, W, 3) uint8 RGB.
        estimate: result of the localizer; None for a frame that it refused.
        refusal: reason of the refusal; empty where there is an estimate.
        milliseconds: wall time of the localizer's step.
    """

    position: int
    stamp: int
    image: npt.NDArray[np.uint8]
    estimate: Estimate | None
    refusal: str
    milliseconds: float


def replay(
    localizer: FrameLocalizer,
    sequence: Sequence,
    *,
    positions: Iterable[int] | None = None,
    max_frame_gap: int | None = None,
) -> Iterator[ReplayedFrame]:
    """Replay a sequence from its first frame on.

    Args:
        localizer: its camera and its previous frames are set anew.
        sequence: frames with stamps and camera.
        positions: indices of the frames to use, in this order; None: all.
        max_frame_gap: a larger step of the frame numbers begins a new pair of frames; None: only the stamps count.

    Raises:
        CameraError: the localizer cannot use the sequence's camera.
    """
    localizer.set_camera(sequence.camera)
    localizer.reset()
    previous: int | None = None
    for position in range(len(sequence)) if positions is None else positions:
        number = int(sequence.frame_numbers[position])
        if max_frame_gap is not None and previous is not None and number - previous > max_frame_gap:
            localizer.reset()
        previous = number
        stamp, image = int(sequence.stamps[position]), sequence.read_image(position)
        began = time.perf_counter()
        estimate, refusal = None, ""
        try:
            estimate = localizer.step(image, stamp)
        except InputError as error:
            refusal = str(error)
        yield ReplayedFrame(position, stamp, image, estimate, refusal, 1e3 * (time.perf_counter() - began))


def recorded_odometry(sequence: Sequence) -> Odometry | None:
    """Return the odometry of a sequence's camera at the stamps of its frames; None if none was recorded."""
    if sequence.odom_T_base is None:
        return None
    known = sequence.has_odometry
    poses = (sequence.odom_T_base @ sequence.base_T_camera)[known]
    samples = {int(stamp): OdometrySample(pose) for stamp, pose in zip(sequence.stamps[known], poses, strict=True)}
    return samples.get


def estimates(localizer: FrameLocalizer, sequence: Sequence) -> list[Estimate]:
    """Estimates of all frames of a sequence.

    Raises:
        CameraError: as `replay`. InputError: a frame was refused.
    """
    found = []
    for frame in replay(localizer, sequence):
        if frame.estimate is None:
            raise InputError(f"{sequence.name}, frame {sequence.frame_numbers[frame.position]}: {frame.refusal}")
        found.append(frame.estimate)
    return found
