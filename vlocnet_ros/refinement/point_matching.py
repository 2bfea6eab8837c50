"""Features of an image and points of the map that look alike, where the prior allows it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from vlocnet_ros.keyframes.features import Descriptors, Features
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.refinement.candidates import Candidates

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def match(
    known: KeyframeMap, looked_for: Candidates, features: Features, *, gate: float, similarity: float, ratio: float
) -> tuple[Indices, Indices]:
    """Points of the map and features (M,) that are each other's best within the gate.

    Args:
        gate: standard deviations.
        similarity: product of descriptors, at least.
        ratio: of the best distance to that of the feature's second best point, at most.
    """
    # A second best below this cannot spoil a best one that is good enough.
    floor = 1.0 - (1.0 - similarity) / ratio**2
    looks = _products(known.float_descriptors(looked_for.appearance), features.descriptors)
    appearance, feature = np.nonzero(looks > floor)
    value = looks[appearance, feature]
    candidate = np.searchsorted(looked_for.first, appearance, side="right") - 1
    inside = _squared(looked_for, candidate, features.rays[feature]) < gate**2
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
    best_of_point = np.zeros(len(looked_for.point), dtype=np.float32)
    np.maximum.at(best_of_point, candidate, value)
    chosen = chosen[value[chosen] >= best_of_point[candidate[chosen]]]
    return looked_for.point[candidate[chosen]], feature[chosen]


def _products(descriptors: Descriptors, others: Descriptors) -> Descriptors:
    """(A, F) scalar products of descriptors (A, D) and (F, D).

    By torch, whose threads are as many as the node was told: those of NumPy's BLAS wait busily for the next product and
    take the network's core.
    """
    torch.get_num_threads()  # before it asks, a new thread takes all cores for products, whatever torch was told
    return np.asarray((torch.from_numpy(descriptors) @ torch.from_numpy(others).T).numpy())


def _best_appearance(
    candidate: Indices, feature: Indices, value: npt.NDArray[np.float32]
) -> tuple[Indices, Indices, npt.NDArray[np.float32]]:
    """Of pairs that differ in the appearance alone, the most alike."""
    order = np.lexsort((-value, candidate, feature))
    candidate, feature, value = candidate[order], feature[order], value[order]
    kept = np.ones(len(order), dtype=np.bool_)
    kept[1:] = (candidate[1:] != candidate[:-1]) | (feature[1:] != feature[:-1])
    return candidate[kept], feature[kept], value[kept]


def _begins(ordered: Indices) -> Indices:
    """Where each value of an ordered array begins."""
    if len(ordered) == 0:
        return np.empty(0, dtype=np.int64)
    return np.concatenate([[0], np.nonzero(np.diff(ordered))[0] + 1])


def _squared(looked_for: Candidates, candidate: Indices, rays: Array) -> Array:
    """(M,) squared Mahalanobis distances of rays (M, 2) from where candidates (M,) should be seen."""
    u, v = (rays - looked_for.rays[candidate]).T
    a, b, _, c = looked_for.precision.reshape(-1, 4)[candidate].T
    return np.asarray(u * (a * u + 2.0 * b * v) + c * v * v)
