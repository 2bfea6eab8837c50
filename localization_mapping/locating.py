"""Poses of all frames of a drive: between keyframes by odometry, then by the points of the map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.keyframes.features import FeatureExtractor
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import isotropic
from localization_common.refinement.pose_solver import PosePrior
from localization_common.refinement.search import MapSearch
from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Standard deviations of a guess: of the least, and per unit of progress to the nearest keyframe.
_METRES, _RADIANS = 0.02, float(np.radians(0.7))


def interpolated(sequence: Sequence, keyframes: Indices, map_T_base: Array) -> Array:
    """Guess the poses (N, 4, 4) of the base at all frames from those of the keyframes.

    With odometry, the poses follow it; its error between two keyframes is spread over the frames between them. Without
    odometry, they are interpolated over time. Frames before the first keyframe and after the last one follow the
    nearest keyframe's odometry; without odometry they are NaN.

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
        elif len(known) == 2:
            carried = [map_T_base[k] for k in known]
        else:
            continue
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
    metres: float,
    radians: float,
    tick: Tick,
) -> tuple[Array, Array, Indices]:
    """Refine guessed poses of frames against the map.

    Args:
        sequence: drive.
        guesses: (N, 4, 4) guessed poses of the camera; rows of NaN have none.
        chosen: (C,) positions of the frames to refine.
        keyframe_map: map.
        metres, radians: standard deviations of the guesses.
        tick: called after each frame.

    Returns:
        Poses (C, 4, 4), root mean square errors (C,) in pixels of the map's features, NaN where the image does not
        confirm the guess, and numbers of points that agree (C,). A pose that is not confirmed is its guess.
    """
    config = RefinementConfig()
    extractor = FeatureExtractor(sequence.camera, focal=keyframe_map.focal, count=keyframe_map.features)
    search = MapSearch(keyframe_map, sequence.camera, config)
    covariance = isotropic(metres, radians)
    information = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
    poses, errors, inliers = guesses[chosen].copy(), np.full(len(chosen), np.nan), np.zeros(len(chosen), dtype=np.int64)
    for row, position in enumerate(chosen.tolist()):
        if np.isfinite(guesses[position, 0, 0]):
            prior = PosePrior(guesses[position], information)
            found = search.near(
                guesses[position],
                covariance + search.least,
                extractor(sequence.read_image(position)),
                inliers=config.inliers,
                prior=prior,
            )
            if found.solution is not None and not found.rejection:
                poses[row], inliers[row] = found.solution.map_T_camera, found.inliers
                errors[row] = np.sqrt(found.solution.chi2) * keyframe_map.noise * keyframe_map.focal
        tick()
    return poses, errors, inliers
