"""Mapping of drives: from recordings with odometry to poses, keyframes and points in one map frame."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.datasets import sequence as data
from localization_common.keyframes.feature_tracks import FeatureTracks, PairMatches
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.refinement.candidates import field_of_view
from localization_mapping.adjustment import Structure
from localization_mapping.drive_poses import mapped_drives
from localization_mapping.initial_poses import InitialPoses, initial_poses
from localization_mapping.keyframe_extraction import choose_keyframes, extract, map_focal
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.levelling import levelled
from localization_mapping.mapped_place import MappedPlace, Scale
from localization_mapping.motion_noise import MotionNoise
from localization_mapping.options import MappingOptions
from localization_mapping.overlap import overlapping_pairs
from localization_mapping.pair_matching import from_arrays, match_pairs, to_arrays
from localization_mapping.progress import Progress, silent
from localization_mapping.rounds import ROUNDS, adjust_in_rounds
from localization_mapping.stage_cache import Arrays, StageCache

Array = npt.NDArray[np.float64]


def map_drives(
    sequences: Sequence[data.Sequence],
    options: MappingOptions | None = None,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> MappedPlace:
    """Map drives through one place.

    Args:
        sequences: drives with odometry; their true poses are not used.
        options: parameters of the mapping.
        cache: folder for the results of finished stages, from which a killed mapping goes on.
        progress: shows the progress.

    Raises:
        DatasetError: a drive has no odometry, or too little texture or motion, or shows nothing that others show.
    """
    options, stages = options or MappingOptions(), StageCache(cache)
    drives = [sequence.with_odometry() for sequence in sequences]
    names, inputs = [drive.name for drive in drives], repr(options) + "".join(map(identity, drives))
    keyframes = KeyframeSet.joined([_keyframes(drives, d, options, stages, progress) for d in range(len(drives))])
    initial = initial_poses(keyframes, names, MotionNoise(), options, stages=stages, inputs=inputs, progress=progress)
    matches = _matches(drives, keyframes, initial, options, stages, inputs, progress)
    structure, tracks = _adjusted(keyframes, initial, matches, progress)
    with progress("frames between keyframes", sum(map(len, drives)) - len(keyframes)) as tick:
        located = mapped_drives(drives, keyframes, structure, tracks, options.features, tick)
    return MappedPlace(
        drives=located,
        keyframe_drive=keyframes.drive,
        keyframe_position=keyframes.position,
        map_T_camera=structure.map_T_base @ keyframes.base_T_camera,
        features=keyframes.features,
        thumbnails=keyframes.thumbnails,
        focal=keyframes.focal,
        points=structure.points,
        tracks=tracks,
        scale=Scale(True, "wheel odometry"),
        closures=initial.closures,
        notes=_notes(initial),
    )


def identity(sequence: data.Sequence) -> str:
    """Text that differs for other frames, odometry, camera or mount."""
    digest = hashlib.sha256()
    for array in (sequence.frame_numbers, sequence.stamps, sequence.odom_T_base, sequence.base_T_camera):
        digest.update(np.ascontiguousarray(array if array is not None else np.empty(0)).tobytes())
    return f"{sequence.summary.source} {sequence.name} {sequence.camera} {digest.hexdigest()}"


def _keyframes(
    drives: Sequence[data.Sequence], d: int, options: MappingOptions, stages: StageCache, progress: Progress
) -> KeyframeSet:
    """Choose the keyframes of a drive and extract their features."""
    drive = drives[d]

    def compute() -> Arrays:
        with progress(f"{drive.name}: sharpness", len(drive)) as tick:
            positions = choose_keyframes(drive, options, tick)
        with progress(f"{drive.name}: features", len(positions)) as tick:
            focal = map_focal(drives[0], options)
            return extract(drive, positions, drive=d, focal=focal, options=options, tick=tick).arrays

    return KeyframeSet.of(
        stages.arrays(f"keyframes-{d}", repr(options) + identity(drives[0]) + identity(drive), compute)
    )


def _matches(
    drives: Sequence[data.Sequence],
    keyframes: KeyframeSet,
    initial: InitialPoses,
    options: MappingOptions,
    stages: StageCache,
    inputs: str,
    progress: Progress,
) -> list[PairMatches]:
    """Match the keyframes whose views overlap by their initial poses."""

    def compute() -> Arrays:
        view = field_of_view(drives[0].camera, LensCorrection())
        poses = initial.map_T_base @ keyframes.base_T_camera
        pairs = overlapping_pairs(poses, initial.points, keyframes.drive, view, most=options.overlapping)
        with progress("matching", len(pairs)) as tick:
            return to_arrays(match_pairs(keyframes, pairs, tick))

    return from_arrays(stages.arrays("matches", inputs, compute))


def _adjusted(
    keyframes: KeyframeSet, initial: InitialPoses, matches: list[PairMatches], progress: Progress
) -> tuple[Structure, FeatureTracks]:
    """Adjust poses and points, and level them."""
    with progress("adjustment", len(ROUNDS)) as tick:
        structure, tracks = adjust_in_rounds(keyframes, initial.map_T_base, matches, MotionNoise(), tick=tick)
    map_T_now = levelled(structure.map_T_base)
    points = structure.points @ map_T_now[:3, :3].T + map_T_now[:3, 3]
    return Structure(map_T_now @ structure.map_T_base, points), tracks


def _notes(initial: InitialPoses) -> tuple[str, ...]:
    return (f"{len(initial.closures)} loop closures agree; {initial.rejected} others do not and are left out",)
