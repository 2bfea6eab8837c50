"""Tests of starts anywhere: which frames begin, what is counted, and the alignment with a place's frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from starting_anywhere import Start, StartingConfig, aligned, first_frames, notes, start, table
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.replay import recorded_odometry


def test_starts_are_drawn_from_the_frames_with_enough_drive_after_them(queries: Sequence) -> None:
    config = StartingConfig(Path("drive"), starts=8, seconds=1.0)
    drawn = first_frames(queries, config)
    assert len(set(drawn.tolist())) == 8
    assert queries.stamps[-1] - queries.stamps[drawn.max()] >= 10**9
    np.testing.assert_array_equal(drawn, first_frames(queries, config))
    with pytest.raises(DatasetError, match="11 frames with 1 s after them, 12 starts are wanted"):
        first_frames(queries, replace(config, starts=12))


def test_a_start_counts_the_time_and_the_largest_error(queries: Sequence, keyframe_map: Path) -> None:
    localizer = KeyframeLocalizer.with_map(keyframe_map, recorded_odometry(queries))
    found = start(localizer, queries, 4, 1.0, np.eye(4))
    assert (found.frame, found.published, found.frames) == (queries.frame_numbers[4], 4, 6)
    assert found.seconds == pytest.approx(0.4)
    assert 0.0 < found.metres < 0.02
    assert 0.0 < found.degrees < 1.0
    ahead = se3.from_parts([0.7, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    assert start(localizer, queries, 4, 1.0, ahead).metres == pytest.approx(0.7, abs=0.02)
    blind = replace(queries, read_image=lambda i: np.zeros((240, 320, 3), dtype=np.uint8))
    unseen = start(localizer, blind, 4, 1.0, np.eye(4))
    assert (unseen.seconds, unseen.published) == (None, 0)
    assert "constant" in unseen.reason


def test_aims_are_judged() -> None:
    good, none = Start(0, 0.4, 0.01, 0.1, 5, 6, ""), Start(1, None, 0.0, 0.0, 0, 6, "lost")
    wrong = replace(good, metres=0.6)
    assert list(notes([good] * 19 + [none], 3.0).values()) == ["95.0 of 100: met", "0.010 m: met"]
    assert list(notes([good, wrong, none], 3.0).values()) == ["66.7 of 100: **missed**", "0.600 m: **missed**"]
    (row,) = table([good, wrong, none]).rows
    assert row == [3, 2 / 3, pytest.approx(0.4), pytest.approx(0.305), 0.6, 1]
    assert table([none]).rows[0][2:] == [None, None, None, 0]


def test_a_frame_is_aligned_with_another() -> None:
    other_T_map = se3.from_parts([3.0, -1.0, 0.2], [0.9, 0.0, 0.1, 0.4])
    ours = np.random.default_rng(0).normal(size=(30, 3)) * (4.0, 3.0, 0.0)
    theirs = ours @ other_T_map[:3, :3].T + other_T_map[:3, 3]
    np.testing.assert_allclose(aligned(ours, theirs), other_T_map, atol=1e-9)
