"""Tests of matches as arrays, and of the matching of pairs."""

from __future__ import annotations

import numpy as np
from made_room import MOUNT, circle, keyframes_of, odometry, points_on_walls, tick, views

from localization_common.keyframes.feature_tracks import PairMatches
from localization_mapping.pair_matching import from_arrays, match_pairs, to_arrays


def test_matches_show_the_same_points() -> None:
    path = circle(6, turns=0.15)
    points, looks = points_on_walls(2000)
    features, shown = views(points, looks, path @ MOUNT)
    pairs = [(0, 1), (0, 5), (2, 4)]
    found = match_pairs(keyframes_of(features, odometry(path)), pairs, tick)
    assert [(m.a, m.b) for m in found] == pairs
    for m in found:
        np.testing.assert_array_equal(shown[m.a][m.left], shown[m.b][m.right])
        common = np.intersect1d(shown[m.a], shown[m.b])
        assert len(m.left) > 0.95 * len(common) > 20


def test_matches_go_through_arrays_unchanged() -> None:
    given = [
        PairMatches(0, 3, np.array([5, 1]), np.array([2, 9])),
        PairMatches(1, 3, np.array([], dtype=np.int64), np.array([], dtype=np.int64)),
        PairMatches(1, 4, np.array([7]), np.array([8])),
    ]
    read = from_arrays(to_arrays(given))
    assert [(m.a, m.b, m.left.tolist(), m.right.tolist()) for m in read] == [
        (m.a, m.b, m.left.tolist(), m.right.tolist()) for m in given
    ]
    assert from_arrays(to_arrays([])) == []
