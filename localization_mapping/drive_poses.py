"""Poses of all frames of the drives, with their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from localization_common.datasets import sequence as data
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.triangulation import residuals
from localization_common.refinement.perturbation import isotropic
from localization_mapping.adjustment import Structure
from localization_mapping.keyframe_map_building import keyframe_map_of
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.locating import interpolated, locate
from localization_mapping.mapped_place import MappedDrive
from localization_mapping.options import MappingOptions
from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Covariances of a guess between two keyframes: with odometry, and without.
_WITH_ODOMETRY = (isotropic(0.03, float(np.radians(1.0))),)
_WITHOUT = (isotropic(0.05, float(np.radians(2.0))), isotropic(0.35, float(np.radians(12.0))))


def mapped_drives(
    drives: Sequence[data.Sequence],
    keyframes: KeyframeSet,
    structure: Structure,
    tracks: FeatureTracks,
    options: MappingOptions,
    tick: Tick,
    *,
    lens: LensCorrection | None = None,
) -> tuple[MappedDrive, ...]:
    """Locate the frames between the keyframes, and measure the errors of all frames.

    Args:
        drives: the drives.
        keyframes: their keyframes.
        structure: poses and points in the map.
        tracks: observations of the points.
        options: parameters of the mapping.
        tick: called after each frame that is not a keyframe.
        lens: lens by which the rays of the keyframes were corrected; None for none.
    """
    poses = structure.map_T_base @ keyframes.base_T_camera
    keyframe_map = keyframe_map_of(
        structure.points, poses, tracks, keyframes.features, keyframes.thumbnails, focal=keyframes.focal,
        lens=lens or LensCorrection(),         count=options.features, card={},
    )  # fmt: skip
    errors, inliers = keyframe_errors(structure.points, poses, tracks, keyframes)
    mapped = []
    for d, drive in enumerate(drives):
        own = np.flatnonzero(keyframes.drive == d)
        position = keyframes.position[own]
        guesses = interpolated(drive, position, structure.map_T_base[own]) @ drive.base_T_camera
        others = np.setdiff1d(np.arange(len(drive)), position)
        residual, seen = np.full(len(drive), np.nan), np.zeros(len(drive), dtype=np.int64)
        residual[position], seen[position] = errors[own], inliers[own]
        spreads = _WITHOUT if drive.odom_T_base is None else _WITH_ODOMETRY
        guesses[others], residual[others], seen[others] = locate(
            drive, guesses, others, keyframe_map, spreads=spreads, contrast=options.contrast, tick=tick
        )
        if drive.odom_T_base is None:
            guesses[seen == 0] = np.nan  # neither the image nor an odometry gives the pose
        pixels = drive.camera.fx / keyframes.focal
        mapped.append(MappedDrive(drive, guesses, residual * pixels, seen))
    return tuple(mapped)


def keyframe_errors(
    points: Array, map_T_camera: Array, tracks: FeatureTracks, keyframes: KeyframeSet
) -> tuple[Array, Indices]:
    """Root mean square errors (K,) in pixels of the map's features, NaN without points, and numbers of points (K,)."""
    rows = keyframes.features.first[tracks.keyframe] + tracks.feature
    off = residuals(points[tracks.point], map_T_camera[tracks.keyframe], keyframes.features.rays[rows])
    seen = np.isfinite(off)
    count = np.bincount(tracks.keyframe[seen], minlength=len(keyframes))
    total = np.bincount(tracks.keyframe[seen], weights=off[seen] ** 2, minlength=len(keyframes))
    with np.errstate(invalid="ignore", divide="ignore"):
        return keyframes.focal * np.sqrt(total / count), count.astype(np.int64)
