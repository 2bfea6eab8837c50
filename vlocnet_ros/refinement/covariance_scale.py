"""How the covariances of refined poses must be scaled, by frames whose poses are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from localization_common.datasets import sequence as data
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.refinement.perturbation import isotropic, moved_by
from vlocnet_ros.refinement.refiner import Guess, Refiner

#: Frames that are tried, evenly chosen.
_FRAMES = 150
#: Covariance of the guesses.
_GUESS = isotropic(0.1, float(np.radians(3.0)))
#: A pose is wrong, not inaccurate, from here on; what remains of the errors must fit.
_QUANTILE = 0.99
#: Nanoseconds: what a robot sees later was not recorded a moment before, so keyframes as near in time do not correct a
#: frame here.
_APART = 1_000_000_000
#: A covariance is never made smaller than this.
_LEAST = 0.1


def calibrate(known: KeyframeMap, sequences: Sequence[data.Sequence]) -> KeyframeMap:
    """The map with `KeyframeMap.covariance_scale` measured: the mean of squared errors over covariances becomes 6.

    Args:
        known: the map. sequences: that it was built from; frames that became keyframes are left out.
    """
    place = {pose.tobytes(): k for k, pose in enumerate(known.correction.given)}
    frames, stamps = [], np.full((len(sequences), len(place)), -2 * _APART)  # of the keyframes, in their own sequence
    for s, sequence in enumerate(sequences):
        for i, pose in enumerate(sequence.map_T_camera):
            k = place.get(np.ascontiguousarray(pose).tobytes())
            if k is None:
                frames.append((s, i))
            else:
                stamps[s, k] = sequence.stamps[i]
    random, normalised = np.random.default_rng(0), []
    for s, position in frames[:: max(1, len(frames) // _FRAMES)]:
        sequence = sequences[s]
        true = sequence.map_T_camera[position]
        left = np.abs(stamps[s] - sequence.stamps[position]) > _APART
        seen = known.with_keyframes(left) if left.any() else known
        refiner = Refiner(replace(seen, covariance_scale=1.0))
        refiner.set_camera(sequence.camera)
        guess = Guess(moved_by(true, random.multivariate_normal(np.zeros(6), _GUESS)), _GUESS)
        result = refiner.step(sequence.read_image(position), [guess])
        if result.map_T_camera is not None and result.covariance is not None:
            error = twist_errors(result.map_T_camera[None], true[None])[0]
            normalised.append(float(error @ np.linalg.solve(result.covariance, error)))
    if len(normalised) < 20:
        return known
    kept = np.sort(normalised)[: max(20, round(_QUANTILE * len(normalised)))]
    return replace(known, covariance_scale=max(_LEAST, float(kept.mean()) / 6.0))
