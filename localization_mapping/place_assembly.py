"""Assembly of a mapped place from its adjusted keyframes and points: all frames are located."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from localization_common.datasets import sequence as data
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.lens_correction import LensCorrection
from localization_mapping.adjustment import Structure
from localization_mapping.drive_poses import mapped_drives
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Progress


def assembled(
    drives: Sequence[data.Sequence],
    keyframes: KeyframeSet,
    structure: Structure,
    tracks: FeatureTracks,
    options: MappingOptions,
    progress: Progress,
    *,
    lens: LensCorrection | None = None,
    **about: Any,
) -> MappedPlace:
    """Locate all frames, and put the map together.

    Args:
        drives: the drives.
        keyframes: their keyframes.
        structure: poses of the keyframes, and points, in the map.
        tracks: observations of the points.
        options: parameters of the mapping.
        progress: shows the progress.
        lens: lens by which the rays of the keyframes were corrected; None for none.
        about: other attributes of `MappedPlace`.
    """
    with progress("frames between keyframes", sum(map(len, drives)) - len(keyframes)) as tick:
        located = mapped_drives(drives, keyframes, structure, tracks, options, tick, lens=lens)
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
        lens=lens or LensCorrection(),
        **about,
    )
