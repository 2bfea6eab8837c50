"""Greedy cover of points, against its definition."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from localization_common.geometry.greedy_cover import greedy_cover

POINTS = st.integers(1, 30).flatmap(
    lambda n: arrays(np.float64, (n, 2), elements=st.integers(-8, 8).map(lambda i: i / 2))
)


def all_distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points[None], axis=-1)


@given(POINTS, st.integers(1, 40), st.data())
def test_the_farthest_row_is_chosen_next_until_all_rows_are_near(
    points: np.ndarray, most: int, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(points) - 1))
    apart = all_distances(points)
    chosen = greedy_cover(len(points), lambda row: apart[row], most=most, first=first).tolist()
    assert chosen[0] == first
    assert len(set(chosen)) == len(chosen) <= most
    for count in range(1, len(chosen)):
        nearest = apart[chosen[:count]].min(axis=0)
        assert nearest.max() > 1.0
        assert chosen[count] == int(np.argmax(nearest))
    assert len(chosen) == most or apart[chosen].min(axis=0).max() <= 1.0


def test_a_row_at_distance_one_is_near() -> None:
    places = np.array([0.0, 1.0, 2.5])
    assert greedy_cover(3, lambda row: np.abs(places - places[row]), most=3).tolist() == [0, 2]
