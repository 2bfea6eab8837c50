"""Matching of an image's features with the candidates among the map's points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from localization_common.keyframes.features import Descriptors, Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.candidates import Candidates

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def match(
    keyframe_map: KeyframeMap, expected: Candidates, features: Features, *, gate: float, similarity: float, ratio: float
) -> tuple[Indices, Indices]:
    """Return points of the map and features (M,) that are each other's best match within the gate.

    Args:
        keyframe_map: map of the points.
        expected: candidates for matches.
        features: features of the image.
        gate: largest distance from the expected ray, in standard deviations.
        similarity: smallest product of the descriptors.
        ratio: largest ratio of the best distance to that of the feature's second best point.
    """
    if len(expected.point) == 0 or len(features) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    # A second best match below this passes the ratio test with any best match that is similar enough.
    floor = 1.0 - (1.0 - similarity) / ratio**2
    similarities = _products(keyframe_map.float_descriptors(expected.appearance), features.descriptors)
    similarities = _of_points(similarities, expected.first)
    candidate, feature = np.nonzero(similarities > floor)
    inside = _squared(expected, candidate, features.rays[feature]) < gate**2
    candidate, feature = candidate[inside], feature[inside]
    allowed = np.full(similarities.shape[::-1], floor, dtype=np.float32)
    allowed[feature, candidate] = similarities[candidate, feature]
    of_point = allowed.max(axis=0)
    row, best = np.arange(len(allowed)), allowed.argmax(axis=1)
    first = allowed[row, best]
    allowed[row, best] = floor
    second = allowed.max(axis=1)
    clear = np.sqrt(2.0 - 2.0 * np.minimum(first, 1.0)) < ratio * np.sqrt(2.0 - 2.0 * np.minimum(second, 1.0))
    chosen = np.nonzero((first > similarity) & clear & (first >= of_point[best]))[0]
    return expected.point[best[chosen]], chosen


def _products(descriptors: Descriptors, others: Descriptors) -> Descriptors:
    """Return the scalar products (A, F) of descriptors (A, D) and (F, D).

    Uses torch, whose number of threads the node sets. Threads of NumPy's BLAS wait actively for the next product and
    use the network's core.
    """
    torch.get_num_threads()  # without this call, a new thread uses all cores for products, not torch's number
    return np.asarray((torch.from_numpy(descriptors) @ torch.from_numpy(others).T).numpy())


def _of_points(similarities: Descriptors, first: Indices) -> Descriptors:
    """Return the largest similarities (C, F) among each point's appearances, from those of the appearances (A, F)."""
    found, count = similarities[first], np.diff(first, append=len(similarities))
    for later in range(1, int(count.max())):
        more = np.nonzero(count > later)[0]
        found[more] = np.maximum(found[more], similarities[first[more] + later])
    return found


def _squared(expected: Candidates, candidate: Indices, rays: Array) -> Array:
    """Return squared Mahalanobis distances (M,) of rays (M, 2) from the expected rays of candidates (M,)."""
    u, v = (rays - expected.rays[candidate]).T
    a, b, _, c = expected.precision.reshape(-1, 4)[candidate].T
    return np.asarray(u * (a * u + 2.0 * b * v) + c * v * v)
