"""Images of bags and nodes: one table of encodings, and the bits that a sensor uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_cases import CASES, GRAY, RANDOM, gray, image
from message_ways import Case, assert_right, assert_same, outcome, through_bag, through_ros

from localization_common.messages import BitsInUse, rgb_from


@pytest.fixture(scope="module")
def from_bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cases that were written to one bag and read from it."""
    return through_bag(CASES, Path(tmp_path_factory.mktemp("images")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bags_and_nodes_read_the_same(case: Case, from_bag: dict[str, Any]) -> None:
    value = outcome(case, from_bag[case.name])
    assert_right(case, value)
    assert_same(value, outcome(case, through_ros(case)))


def test_ten_bits_do_not_look_black() -> None:
    """Test a sensor of 10 bits in mono16: with 16 bits, no pixel would be brighter than 3."""
    rgb = rgb_from(image("mono16", np.arange(1024, dtype=np.uint16).reshape(32, 32)))
    assert (rgb.min(), rgb.max()) == (0, 255)
    assert rgb.mean() == pytest.approx(127.5)


def test_brightness_does_not_flicker_when_the_largest_value_crosses_a_limit() -> None:
    dim, bright = np.full((6, 8), 1000, np.uint16), np.full((6, 8), 1000, np.uint16)
    bright[0, 0] = 1030  # larger than 10 bits
    alone = [int(rgb_from(image("mono16", pixels))[3, 3, 0]) for pixels in (bright, dim)]
    topic = BitsInUse()
    together = [int(rgb_from(image("mono16", pixels), bits=topic)[3, 3, 0]) for pixels in (dim, bright, dim, bright)]
    assert alone == [62, 250]
    assert together == [250, 62, 62, 62]


def test_stated_bits_are_used() -> None:
    values = RANDOM.integers(0, 4096, (6, 8)).astype(np.uint16)
    np.testing.assert_array_equal(rgb_from(image("mono16", values), bits=16), gray(values >> 8))
    np.testing.assert_array_equal(rgb_from(image("mono16", values), bits=10), gray(np.minimum(values >> 2, 255)))


def test_nothing_is_copied_and_the_message_is_protected() -> None:
    message = image("mono8", GRAY)
    colour = image("rgb8", gray(GRAY))
    view = rgb_from(colour)
    assert np.shares_memory(view, colour.data)
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0, 0] = 1
    assert not np.shares_memory(rgb_from(message), message.data)
