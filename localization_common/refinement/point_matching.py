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
    # A second best match below this passes the ratio test with any best match that is similar enough.
    floor = 1.0 - (1.0 - similarity) / ratio**2
    similarities = _products(keyframe_map.float_descriptors(expected.appearance), features.descriptors)
    appearance, feature = np.nonzero(similarities > floor)
    value = similarities[appearance, feature]
    candidate = np.searchsorted(expected.first, appearance, side="right") - 1
    inside = _squared(expected, candidate, features.rays[feature]) < gate**2
    candidate, feature, value = _best_appearance(candidate[inside], feature[inside], value[inside])
    order = np.lexsort((-value, feature))
    candidate, feature, value = candidate[order], feature[order], value[order]
    first = _begins(feature)
    second = np.full(len(first), floor)
    next_row = np.minimum(first + 1, len(feature) - 1)
    same = (feature[next_row] == feature[first]) & (next_row > first)
    second[same] = value[next_row[same]]
    clear = np.sqrt(2.0 - 2.0 * np.minimum(value[first], 1.0)) < ratio * np.sqrt(2.0 - 2.0 * np.minimum(second, 1.0))
    chosen = first[(value[first] > similarity) & clear]
    best_of_point = np.zeros(len(expected.point), dtype=np.float32)
    np.maximum.at(best_of_point, candidate, value)
    chosen = chosen[value[chosen] >= best_of_point[candidate[chosen]]]
    return expected.point[candidate[chosen]], feature[chosen]


def _products(descriptors: Descriptors, others: Descriptors) -> Descriptors:
    """Return the scalar products (A, F) of descriptors (A, D) and (F, D).

    Uses torch, whose number of threads the node sets. Threads of NumPy's BLAS wait actively for the next product and
    use the network's core.
    """
    torch.get_num_threads()  # without this call, a new thread uses all cores for products, not torch's number
    return np.asarray((torch.from_numpy(descriptors) @ torch.from_numpy(others).T).numpy())


def _best_appearance(
    candidate: Indices, feature: Indices, value: npt.NDArray[np.float32]
) -> tuple[Indices, Indices, npt.NDArray[np.float32]]:
    """Select the most similar pair among those that differ only in the appearance."""
    order = np.lexsort((-value, candidate, feature))
    candidate, feature, value = candidate[order], feature[order], value[order]
    kept = np.ones(len(order), dtype=np.bool_)
    kept[1:] = (candidate[1:] != candidate[:-1]) | (feature[1:] != feature[:-1])
    return candidate[kept], feature[kept], value[kept]


def _begins(ordered: Indices) -> Indices:
    """Return the first index of each value of an ordered array."""
    if len(ordered) == 0:
        return np.empty(0, dtype=np.int64)
    return np.concatenate([[0], np.nonzero(np.diff(ordered))[0] + 1])


def _squared(expected: Candidates, candidate: Indices, rays: Array) -> Array:
    """Return squared Mahalanobis distances (M,) of rays (M, 2) from the expected rays of candidates (M,)."""
    u, v = (rays - expected.rays[candidate]).T
    a, b, _, c = expected.precision.reshape(-1, 4)[candidate].T
    return np.asarray(u * (a * u + 2.0 * b * v) + c * v * v)
