"""Stamps that are zero, repeated, swapped or of another clock."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from bag_cases import SECOND, Message, along, drive, image, images, mount, odometry, stamp, truth, write_bag

from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.datasets.bags.reader import read_bag
from localization_common.errors import DatasetError

TIMES = np.arange(-0.2, 4.2, 0.1)


def restamped(message: Message, nanoseconds: int) -> Message:
    """Copy of a message with another stamp, recorded at the same time."""
    message.content.header.stamp.sec, message.content.header.stamp.nanosec = divmod(nanoseconds, SECOND)
    return message


def test_images_without_stamps_are_refused(tmp_path: Path) -> None:
    messages = [restamped(m, 0) if m.topic == "/image" else m for m in drive()]
    with pytest.raises(DatasetError, match=r"/image: all 20 stamps are 0; the driver does not stamp"):
        read_bag(write_bag(tmp_path / "bag", messages))


def test_images_with_the_stamp_of_another_are_counted(tmp_path: Path) -> None:
    twice = [image(0.2 * i + 0.001, 100 + i) for i in range(5)]
    for i, message in enumerate(twice):
        restamped(message, stamp(0.2 * i))
    read = read_bag(write_bag(tmp_path / "bag", [*drive(), *twice]))
    assert (len(read), read.summary.frames_left_out) == (20, 5)
    assert "5 frames: another image has the same stamp" in read.summary.text()


def test_an_image_dated_an_hour_ahead_is_left_out(tmp_path: Path) -> None:
    wrong = restamped(image(1.1, 50), stamp(3600.0))
    read = read_bag(write_bag(tmp_path / "bag", [*drive(), wrong]))
    assert (len(read), read.summary.frames_left_out) == (20, 1)
    assert read.frame_numbers.tolist() == list(range(20))


def test_images_recorded_in_another_order_are_sorted(tmp_path: Path) -> None:
    messages = drive()
    pictures = [m for m in messages if m.topic == "/image"]
    for first, second in zip(pictures[::8], pictures[1::8], strict=True):
        a, b = (int(m.content.header.stamp.sec) * SECOND + int(m.content.header.stamp.nanosec) for m in (first, second))
        restamped(first, b)
        restamped(second, a)
    read = read_bag(write_bag(tmp_path / "bag", messages))
    assert len(read) == 20
    assert (np.diff(read.stamps) > 0).all()


def test_images_stamped_since_boot_are_another_clock(tmp_path: Path) -> None:
    pictures = [restamped(m, m.time - stamp(-1795.0)) for m in images()]
    bag = write_bag(tmp_path / "bag", [mount(), *along(truth, TIMES), *pictures])
    read = read_bag(bag)
    assert not read.has_pose.any()
    assert re.search(
        r"images on /image are from 1795\.\d+ to .* /ground_truth/pose is from 1699999999\.8.*different clocks",
        read.summary.text(),
    )


def test_odometry_of_another_clock_is_left_out_and_reported(tmp_path: Path) -> None:
    odometries = [restamped(m, m.time - stamp(-37.0)) for m in along(odometry, TIMES)]
    read = read_bag(write_bag(tmp_path / "bag", [mount(), *odometries, *along(truth, TIMES), *images()]))
    assert read.odom_T_base is None
    assert "the odometry is not used" in read.summary.text()
    assert "different clocks" in read.summary.text()


def test_one_image_is_enough(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [mount(), *along(truth, TIMES), *images(1)])
    assert len(read_bag(bag)) == 1
    assert encoding.STORE is not None
