"""Drives for the benchmark of the mapping: their true poses are hidden, their odometry can be worse than recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import planar
from localization_sim import drive as drives
from localization_sim.rendering import open_apartment

#: Largest distance between a recorded and a planned true pose, metres: the recording is of this drive.
_SAME = 1e-6


def hidden(sequence: Sequence, *, depth: bool = False) -> Sequence:
    """Drive as a robot records it: images and odometry, on request depth; no true pose and no labels."""
    return replace(
        sequence,
        map_T_camera=np.full_like(sequence.map_T_camera, np.nan),
        read_depth=sequence.read_depth if depth else None,
        read_labels=None,
        class_names=(),
    )


def without_odometry(sequence: Sequence) -> Sequence:
    """Drive of a camera that is carried by hand."""
    return replace(sequence, odom_T_base=None)


def with_odometry_errors(sequence: Sequence, path: Path, seed: int, factor: float) -> Sequence:
    """Drive with odometry that is simulated again with errors this many times as large; nothing is rendered.

    Args:
        sequence: recorded drive with true poses.
        path: recording; its name is the name of the drive.
        seed: seed of the apartment.
        factor: see `WheelNoise.times`.

    Raises:
        DatasetError: the recording is of another drive.
    """
    seconds: npt.NDArray[np.float64] = (sequence.stamps - drives.START_STAMP).astype(np.float64) * 1e-9
    with open_apartment(seed, Camera.from_field_of_view(16, 12, 90.0)) as renderer:
        planned = drives.plan(renderer, path.name, odometry_errors=factor)
    true = planar.to_se3(planned.trajectory.at(seconds)) @ sequence.base_T_camera
    if np.abs(true - sequence.map_T_camera).max() > _SAME:
        raise DatasetError(f"{path}: is not drive {path.name} of apartment {seed}; record it again (apartment_record)")
    return replace(sequence, odom_T_base=planar.to_se3(planned.odometry.odom.at(seconds)))


def opened(path: Path, frames: int = 0) -> Sequence:
    """Open a recorded drive with its true poses; with a number, only so many frames."""
    sequence = open_sequence(path).with_poses()
    return sequence.select(np.arange(min(frames, len(sequence)))) if frames else sequence
