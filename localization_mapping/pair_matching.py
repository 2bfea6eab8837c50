"""Matches of features between keyframes whose views overlap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from localization_common.keyframes.feature_tracks import PairMatches, match_features
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.local_structure import RATIO
from localization_mapping.progress import Tick
from localization_mapping.stage_cache import Arrays
from localization_mapping.threads import in_threads


def match_pairs(keyframes: KeyframeSet, pairs: Sequence[tuple[int, int]], tick: Tick) -> list[PairMatches]:
    """Match the features of pairs of keyframes; matrix products of several pairs run at once."""

    def match(pair: tuple[int, int]) -> PairMatches:
        return match_features(keyframes.features, *pair, RATIO)

    return in_threads(match, pairs, tick)


def to_arrays(matches: Sequence[PairMatches]) -> Arrays:
    """Pack matches for a file."""
    return {
        "pairs": np.array([(m.a, m.b) for m in matches], dtype=np.int64).reshape(-1, 2),
        "first": np.cumsum([0, *(len(m.left) for m in matches)]),
        "left": np.concatenate([np.empty(0), *(m.left for m in matches)]).astype(np.int32),
        "right": np.concatenate([np.empty(0), *(m.right for m in matches)]).astype(np.int32),
    }


def from_arrays(arrays: Arrays) -> list[PairMatches]:
    """Unpack matches of a file."""
    rows = [slice(first, last) for first, last in pairwise(arrays["first"].tolist())]
    left, right = (arrays[name].astype(np.int64) for name in ("left", "right"))
    pairs = arrays["pairs"].tolist()
    return [PairMatches(a, b, left[own], right[own]) for (a, b), own in zip(pairs, rows, strict=True)]
