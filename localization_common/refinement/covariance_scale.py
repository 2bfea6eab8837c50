"""Scale of the covariances of refined poses, from frames with known poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from localization_common.datasets import sequence as data
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics.pose_metrics import twist_errors
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import isotropic, moved_by
from localization_common.refinement.refiner import Guess, Refiner

#: Parameters of the refinement: near the guess only.
_NEAR = RefinementConfig(retrieved=0)
#: Number of frames to refine, evenly chosen.
_FRAMES = 150
#: Covariance of the guessed poses.
_GUESS = isotropic(0.1, float(np.radians(3.0)))
#: Quantile of the errors above which a pose is an outlier; the covariance must fit the others.
_QUANTILE = 0.99
#: Nanoseconds between a frame and the keyframes that correct it: on a robot, no keyframe was recorded at almost the
#: same time.
_APART = 1_000_000_000
#: Smallest factor of the covariances.
_LEAST = 0.1


def calibrate(keyframe_map: KeyframeMap, sequences: Sequence[data.Sequence], *, most: int = _FRAMES) -> KeyframeMap:
    """Measure `KeyframeMap.covariance_scale`: the mean of squared errors over covariances becomes 6.

    Args:
        keyframe_map: map to measure.
        sequences: sequences from which it was built; frames that are keyframes are not used.
        most: largest number of frames to refine, evenly chosen.
    """
    place = {pose.tobytes(): k for k, pose in enumerate(keyframe_map.correction.given)}
    frames, stamps = [], np.full((len(sequences), len(place)), -2 * _APART)  # of the keyframes, in their own sequence
    for s, sequence in enumerate(sequences):
        for i, pose in enumerate(sequence.map_T_camera):
            k = place.get(np.ascontiguousarray(pose).tobytes())
            if k is None:
                frames.append((s, i))
            else:
                stamps[s, k] = sequence.stamps[i]
    random, normalised = np.random.default_rng(0), []
    for f in np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(np.int64)).tolist():
        s, position = frames[f]
        sequence = sequences[s]
        true = sequence.map_T_camera[position]
        apart = np.abs(stamps[s] - sequence.stamps[position]) > _APART
        others = keyframe_map.with_keyframes(apart) if apart.any() else keyframe_map
        refiner = Refiner(replace(others, covariance_scale=1.0), _NEAR)
        refiner.set_camera(sequence.camera)
        guess = Guess(moved_by(true, random.multivariate_normal(np.zeros(6), _GUESS)), _GUESS)
        result = refiner.step(sequence.read_image(position), [guess])
        if result.map_T_camera is not None and result.covariance is not None:
            error = twist_errors(result.map_T_camera[None], true[None])[0]
            normalised.append(float(error @ np.linalg.solve(result.covariance, error)))
    if len(normalised) < 20:
        return keyframe_map
    kept = np.sort(normalised)[: max(20, round(_QUANTILE * len(normalised)))]
    return replace(keyframe_map, covariance_scale=max(_LEAST, float(kept.mean()) / 6.0))
