"""Poses of all frames of a drive: between keyframes by odometry, then by the points of the map."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.keyframes.features import FeatureExtractor, Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.pose_solver import PosePrior, PoseSolution
from localization_common.refinement.search import MapSearch
from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def interpolated(sequence: Sequence, keyframes: Indices, map_T_base: Array) -> Array:
    """Guess the poses (N, 4, 4) of the base at all frames from those of the keyframes.

    With odometry, the poses follow it; its error between two keyframes is spread over the frames between them. Without
    odometry, they are interpolated over time. Frames before the first keyframe and after the last one follow the
    nearest keyframe's odometry, or have its pose.

    Args:
        sequence: drive with N frames.
        keyframes: (K,) positions of the keyframes, increasing.
        map_T_base: (K, 4, 4) poses of the keyframes.
    """
    poses = np.full((len(sequence), 4, 4), np.nan)
    poses[keyframes] = map_T_base
    for i in np.setdiff1d(np.arange(len(sequence)), keyframes).tolist():
        after = int(np.searchsorted(keyframes, i))
        before = after - 1
        known = [k for k in (before, after) if 0 <= k < len(keyframes)]
        if sequence.odom_T_base is not None and np.isfinite(sequence.odom_T_base[i, 0, 0]):
            carried = [
                map_T_base[k] @ se3.inverse(sequence.odom_T_base[keyframes[k]]) @ sequence.odom_T_base[i] for k in known
            ]
        else:
            carried = [map_T_base[k] for k in known]
        if len(carried) == 1:
            poses[i] = carried[0]
        else:
            first, last = sequence.stamps[keyframes[before]], sequence.stamps[keyframes[after]]
            poses[i] = se3.interpolate(carried[0], carried[1], float((sequence.stamps[i] - first) / (last - first)))
    return poses


def locate(
    sequence: Sequence,
    guesses: Array,
    chosen: Indices,
    keyframe_map: KeyframeMap,
    *,
    spreads: Iterable[Array],
    contrast: float,
    tick: Tick,
) -> tuple[Array, Array, Indices]:
    """Refine guessed poses of frames against the map.

    Args:
        sequence: drive.
        guesses: (N, 4, 4) guessed poses of the camera.
        chosen: (C,) positions of the frames to refine.
        keyframe_map: map.
        spreads: covariances (6, 6) of the guesses about the map's axes, the narrowest first; the next one is tried
            where the image does not confirm a pose.
        contrast: smallest contrast of a feature.
        tick: called after each frame.

    Returns:
        Poses (C, 4, 4), root mean square errors (C,) in pixels of the map's features, NaN where the image does not
        confirm the guess, and numbers of points that agree (C,). A pose that is not confirmed is its guess.
    """
    extractor = FeatureExtractor(
        sequence.camera, focal=keyframe_map.focal, count=keyframe_map.features, contrast=contrast
    )
    search = MapSearch(keyframe_map, sequence.camera, RefinementConfig())
    poses, errors, inliers = guesses[chosen].copy(), np.full(len(chosen), np.nan), np.zeros(len(chosen), dtype=np.int64)
    for row, position in enumerate(chosen.tolist()):
        features = extractor(sequence.read_image(position))
        features = replace(features, rays=keyframe_map.lens.undistort(features.rays))
        found = _search(search, guesses[position], features, spreads)
        if found is not None:
            poses[row], inliers[row] = found.map_T_camera, found.inliers.sum()
            errors[row] = np.sqrt(found.chi2) * keyframe_map.noise * keyframe_map.focal
        tick()
    return poses, errors, inliers


def _search(search: MapSearch, guess: Array, features: Features, spreads: Iterable[Array]) -> PoseSolution | None:
    """Return the pose that the image confirms within the first covariance that has one; else None."""
    for spread in spreads:
        prior = PosePrior(guess, np.asarray(np.linalg.inv(spread), dtype=np.float64))
        found = search.near(guess, spread + search.least, features, inliers=RefinementConfig().inliers, prior=prior)
        if found.solution is not None and not found.rejection:
            return found.solution
    return None
