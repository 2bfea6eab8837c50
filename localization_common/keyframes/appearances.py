"""Appearances of points: a few descriptors for each, for different directions and distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from localization_common.keyframes.adjustment import AdjustedKeyframes
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import to_bytes

#: Observations with a larger cosine of their directions and a smaller difference of log distance are one appearance.
_DIRECTION, _RANGE = float(np.cos(np.radians(12.0))), float(np.log(1.3))
#: Largest number of appearances of one point; those with the most observations are kept.
_MOST = 4


def appearances(features: Sequence[Features], tracks: FeatureTracks, adjusted: AdjustedKeyframes) -> dict[str, Any]:
    """Return the fields of `KeyframeMap` for appearances: descriptors, appearance_point, directions, ranges."""
    descriptors = tracks.observed([f.descriptors for f in features])
    sight = adjusted.points[tracks.point] - adjusted.map_T_camera[tracks.keyframe, :3, 3]
    metres = np.linalg.norm(sight, axis=1)
    sight /= metres[:, None]
    order = np.argsort(tracks.point, kind="stable")
    found: list[tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any], float]] = []
    for rows in np.split(order, np.searchsorted(tracks.point[order], np.arange(1, tracks.points))):
        for group in _groups(sight[rows], np.log(metres[rows]))[:_MOST]:
            chosen = rows[group]
            mean = descriptors[chosen].mean(axis=0)
            direction = sight[chosen].mean(axis=0)
            found.append(
                (
                    int(tracks.point[rows[0]]),
                    mean / np.linalg.norm(mean),
                    direction / np.linalg.norm(direction),
                    float(np.exp(np.log(metres[chosen]).mean())),
                )
            )
    owner, means, directions, ranges = zip(*found, strict=True)
    return {
        "appearance_point": np.array(owner, dtype=np.int32),
        "descriptors": to_bytes(np.stack(means)),
        "directions": np.stack(directions).astype(np.float32),
        "ranges": np.array(ranges, dtype=np.float32),
    }


def _groups(sight: np.ndarray[Any, Any], log_range: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Return groups of similar observations, the largest group first."""
    similar = (sight @ sight.T > _DIRECTION) & (np.abs(log_range[:, None] - log_range) < _RANGE)
    ungrouped, groups = np.ones(len(sight), dtype=np.bool_), []
    while ungrouped.any():
        counts = (similar & ungrouped).sum(axis=1) * ungrouped
        group = similar[counts.argmax()] & ungrouped
        groups.append(np.nonzero(group)[0])
        ungrouped &= ~group
    return groups
