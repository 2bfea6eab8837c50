"""Mapping of a drive without odometry and depth: structure from motion, a measured length for the scale, and up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets import sequence as data
from localization_common.geometry import se3
from localization_mapping.floor import up_direction
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.keyframe_subset import matches_within, subset, undistorted
from localization_mapping.levelling import upright
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.measured_length import MeasuredLength
from localization_mapping.options import MappingOptions
from localization_mapping.pair_matching import from_arrays, match_pairs, to_arrays
from localization_mapping.place_assembly import assembled
from localization_mapping.progress import Progress
from localization_mapping.rounds import ROUNDS, adjust_in_rounds
from localization_mapping.scaling import NOT_METRIC, from_camera_height, from_distance
from localization_mapping.stage_cache import StageCache
from localization_mapping.structure_from_motion import structure_from_motion
from localization_mapping.visual_pairs import visual_pairs


def map_without_odometry(
    drives: Sequence[data.Sequence],
    keyframes: KeyframeSet,
    options: MappingOptions,
    length: MeasuredLength,
    *,
    stages: StageCache,
    inputs: str,
    progress: Progress,
) -> MappedPlace:
    """Map drives from their images alone.

    Args:
        drives: the drives.
        keyframes: their keyframes; the odometry in them is not used.
        options: parameters of the mapping.
        length: measured length, which gives the scale.
        stages: results of finished stages.
        inputs: text of all that the keyframes depend on.
        progress: shows the progress.

    Raises:
        ConfigError: pycolmap is not installed.
        DatasetError: the images do not fit together, or the length gives no scale.
    """

    def match() -> dict[str, npt.NDArray[np.generic]]:
        pairs = visual_pairs(keyframes, options)
        with progress("matching", len(pairs)) as tick:
            return to_arrays(match_pairs(keyframes, pairs, tick))

    matches = from_arrays(stages.arrays("visual-matches", inputs, match))
    with progress("structure from motion", 1) as tick:
        found = structure_from_motion(keyframes, matches)
        tick()
    kept = found.registered
    part = undistorted(subset(keyframes, kept), found.lens)
    start = found.map_T_camera[kept] @ part.camera_T_base
    with progress("adjustment", len(ROUNDS)) as tick:
        structure, tracks = adjust_in_rounds(part, start, matches_within(matches, kept), None, tick=tick)
    up = up_direction(structure.points, structure.map_T_base, structure.map_T_base @ part.base_T_camera)
    place = assembled(
        drives, part, upright(structure, up.direction), tracks, options, progress, lens=found.lens, scale=NOT_METRIC,
        closures=np.empty((0, 2), dtype=np.int64), notes=(*found.notes, up.source),
    )  # fmt: skip
    return _scaled(place, length)


def _scaled(place: MappedPlace, length: MeasuredLength) -> MappedPlace:
    """Scale a map by the measured length."""
    if length.distance is not None:
        found = from_distance(place.drives[0], *length.distance, place.points)
    elif length.camera_height is not None:
        up = np.array([0.0, 0.0, 1.0])
        found = from_camera_height(length.camera_height, place.points, place.map_T_camera, up)
    else:
        return place
    poses, points = found.apply(place.map_T_camera, place.points)
    # Distances of cameras are scaled, their mounts are not: the first base is not at the origin any more.
    shift = np.eye(4)
    shift[:3, 3] = -(poses[0] @ se3.inverse(place.drives[0].sequence.base_T_camera))[:3, 3]
    drives = tuple(
        replace(drive, map_T_camera=shift @ found.apply(drive.map_T_camera, points)[0]) for drive in place.drives
    )
    return replace(place, map_T_camera=shift @ poses, points=points + shift[:3, 3], drives=drives, scale=found.scale)
