"""Part of a set of keyframes, and their matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.feature_tracks import PairMatches
from localization_common.keyframes.lens_correction import LensCorrection
from localization_mapping.keyframe_set import KeyframeSet, StoredFeatures


def subset(keyframes: KeyframeSet, kept: npt.NDArray[np.bool_]) -> KeyframeSet:
    """Return the keyframes for which (K,) is True."""
    stored, count = keyframes.features, np.diff(keyframes.features.first)
    rows = np.repeat(kept, count)
    first = np.cumsum([0, *count[kept].tolist()])
    features = StoredFeatures(
        first, stored.rays[rows], stored.descriptors[rows], stored.sizes[rows], stored.depths[rows]
    )
    names = [f.name for f in fields(keyframes) if f.name not in ("features", "focal")]
    return replace(keyframes, features=features, **{name: getattr(keyframes, name)[kept] for name in names})


def matches_within(matches: Sequence[PairMatches], kept: npt.NDArray[np.bool_]) -> list[PairMatches]:
    """Return the matches between kept keyframes (K,), with the numbers of `subset`."""
    number = np.cumsum(kept) - 1
    return [
        PairMatches(int(number[m.a]), int(number[m.b]), m.left, m.right) for m in matches if kept[m.a] and kept[m.b]
    ]


def undistorted(keyframes: KeyframeSet, lens: LensCorrection) -> KeyframeSet:
    """Return the keyframes with their rays corrected by a lens."""
    stored = keyframes.features
    rays = lens.undistort(stored.rays.astype(np.float64)).astype(np.float32)
    features = StoredFeatures(
        stored.first, rays, stored.descriptors, (stored.sizes / lens.focal).astype(np.float32), stored.depths
    )
    return replace(keyframes, features=features)
