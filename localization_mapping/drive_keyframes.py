"""Keyframes of one drive, with its odometry: wheels, or the motions that a depth camera gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_mapping.frame_selection import motion_progress, sharpest_of_stretches, sharpness
from localization_mapping.image_motion import image_progress
from localization_mapping.keyframe_extraction import extract
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.local_structure import measured_points
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Progress
from localization_mapping.visual_odometry import visual_odometry

Indices = npt.NDArray[np.int64]


def keyframes_of_drive(
    sequence: Sequence, drive: int, focal: float, options: MappingOptions, progress: Progress
) -> KeyframeSet:
    """Choose the keyframes of a drive, extract their features, and find the motions between them.

    Args:
        sequence: drive with odometry at every frame, or without any.
        drive: index of the drive.
        focal: focal length of the map's features, pixels.
        options: parameters of the mapping.
        progress: shows the progress.
    """
    positions = choose_keyframes(sequence, options, progress)
    with progress(f"{sequence.name}: features", len(positions)) as tick:
        keyframes = extract(sequence, positions, drive=drive, focal=focal, options=options, tick=tick)
    if sequence.odom_T_base is not None or sequence.read_depth is None:
        return keyframes
    with progress(f"{sequence.name}: visual odometry", len(positions)) as tick:
        points = [measured_points(keyframes, k) for k in range(len(keyframes))]
        odom_T_base, factors = visual_odometry(keyframes, points, tick)
    return replace(keyframes, odom_T_base=odom_T_base, motion_factor=factors)


def choose_keyframes(sequence: Sequence, options: MappingOptions, progress: Progress) -> Indices:
    """Choose the positions (K,) of the keyframes of a drive: the sharpest frame of each stretch of motion."""
    count = len(sequence)
    with progress(f"{sequence.name}: sharpness", count) as tick:
        sharp = np.empty(count)
        for i in range(count):
            sharp[i] = sharpness(sequence.read_image(i))
            tick()
    if sequence.odom_T_base is not None:
        radians = float(np.radians(options.keyframe_degrees))
        way = motion_progress(sequence.odom_T_base, metres=options.keyframe_metres, radians=radians)
    else:
        with progress(f"{sequence.name}: motion", count) as tick:
            way = image_progress(sequence.read_image, count, tick)
    return sharpest_of_stretches(way / max(1.0, way[-1] / options.keyframes), sharp)
