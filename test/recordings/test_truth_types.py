"""Poses of every type, of bags and nodes; a wrong one leaves the others usable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from message_ways import Case, assert_right, assert_same, outcome, through_bag, through_ros
from pose_cases import CASES, STAMP, TYPES, message

from localization_common.datasets.rosbag2_encoding import STORE, header, new
from localization_common.errors import InputError
from localization_common.messages import covariance_from, stamp_in, stamp_of, stamped_transforms


@pytest.fixture(scope="module")
def from_bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cases that were written to one bag and read from it."""
    return through_bag(CASES, Path(tmp_path_factory.mktemp("poses")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bags_and_nodes_read_the_same(case: Case, from_bag: dict[str, Any]) -> None:
    value = outcome(case, from_bag[case.name])
    assert_right(case, value)
    assert_same(value, outcome(case, through_ros(case)))


@pytest.mark.parametrize("kind", TYPES)
def test_stamp_and_frames(kind: str) -> None:
    (part,), refused = stamped_transforms(message(kind), kind)
    child = "base" if kind in TYPES[2:] else ""  # the first two do not name it
    assert (part.stamp, part.frame_id, part.child_frame_id, refused) == (STAMP, "map", child, [])


def test_one_wrong_transform_leaves_the_others_usable() -> None:
    parts = [message(TYPES[3], (float(i), 0.0, 0.0), (0.0, 0.0, 0.0, 1.0 if i != 2 else 0.0)) for i in range(4)]
    found, refused = stamped_transforms(new(TYPES[4], transforms=parts), TYPES[4])
    assert [part.matrix[0, 3] for part in found] == [0.0, 1.0, 3.0]
    assert len(refused) == 1
    assert f"map to base at {STAMP} ns: quaternion" in refused[0]


def test_other_types_are_named() -> None:
    with pytest.raises(InputError, match=r"type sensor_msgs/msg/Imu has no pose; types with a pose are .*PoseStamped"):
        stamped_transforms(object(), "sensor_msgs/msg/Imu")


@pytest.mark.parametrize("kind", TYPES[:4])
def test_the_stamp_of_a_serialised_message_is_read_alone(kind: str) -> None:
    received = message(kind)
    for little_endian in (True, False):
        raw = STORE.serialize_cdr(received, kind, little_endian=little_endian)
        assert stamp_in(raw) == stamp_of(received.header) == STAMP


@pytest.mark.parametrize("stamp", [0, 1, -5, -(10**9) + 1, 2**31 * 10**9 - 1])
def test_stamps_are_exact_for_both_signs(stamp: int) -> None:
    assert stamp_of(header(stamp, "")) == stamp
    assert stamp_in(STORE.serialize_cdr(header(stamp, ""), "std_msgs/msg/Header")) == stamp


def test_a_message_without_a_header_has_no_stamp() -> None:
    with pytest.raises(InputError, match="3 bytes, too few for a header"):
        stamp_in(b"\0\1\0")


def test_covariances_are_row_major_and_checked() -> None:
    assert covariance_from(np.arange(36.0))[1, 2] == 8.0
    with pytest.raises(InputError, match="has 9 numbers, not 36"):
        covariance_from(np.zeros(9))
