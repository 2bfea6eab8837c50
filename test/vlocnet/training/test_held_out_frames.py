"""Held-out frames of a place: blocks along each drive, apart from the training frames."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.datasets.sequence import Sequence
from vlocnet_ros.training.held_out_frames import blocks, split_drives


@pytest.mark.parametrize(("frames", "expected"), [(100, 1), (474, 2), (2000, 10)])
def test_blocks_are_a_tenth_of_a_drive_and_spread_over_it(frames, expected):
    held = blocks(frames, 0.1)
    assert held.mean() == pytest.approx(0.1, abs=0.01)
    starts = np.nonzero(np.diff(held.astype(int)) == 1)[0]
    assert len(starts) == expected
    assert starts[0] > 0.3 * frames / expected
    assert np.diff(starts).tolist() == pytest.approx([frames / expected] * (expected - 1), abs=1)


def test_short_drives_and_a_share_of_zero_hold_nothing_out():
    assert not blocks(15, 0.1).any()
    assert not blocks(1000, 0.0).any()


def test_each_frame_is_trained_or_held_out(wall_sequence: Sequence):
    short = wall_sequence.select([0, 1, 2])
    kept, held = split_drives([wall_sequence, short], 0.25)
    assert [len(sequence) for sequence in kept] == [6, 3]
    assert [len(sequence) for sequence in held] == [2]
    both = np.sort(np.concatenate([kept[0].frame_numbers, held[0].frame_numbers]))
    np.testing.assert_array_equal(both, wall_sequence.frame_numbers)
    assert held[0].frame_numbers.tolist() == [3, 4]
    assert kept[1] is short
