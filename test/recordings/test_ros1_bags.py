"""Bags of ROS 1: they give the same as bags of ROS 2."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import numpy as np
import pytest
from bag_cases import CAMERA, compressed, drive, picture, write_bag, write_ros1_bag

from localization_common.datasets.bags.reader import read_bag
from localization_common.errors import DatasetError


def test_a_ros_1_bag_gives_the_same_sequence(tmp_path: Path) -> None:
    old = read_bag(write_ros1_bag(tmp_path / "drive.bag", drive()))
    new = read_bag(write_bag(tmp_path / "drive", drive()))
    assert old.camera == new.camera == CAMERA
    assert old.name == new.name == "drive"
    for field in ("stamps", "frame_numbers", "map_T_camera", "odom_T_base", "base_T_camera"):
        np.testing.assert_array_equal(getattr(old, field), getattr(new, field))
    for i in (19, 0, 7):
        np.testing.assert_array_equal(old.read_image(i), picture(i))
    assert "ROS 1 bag" in old.summary.text()


def test_compressed_images_of_ros_1(tmp_path: Path) -> None:
    import cv2

    others = [message for message in drive() if message.topic != "/image"]
    pictures = [
        compressed(0.2 * i, cv2.imencode(".png", picture(i)[..., ::-1])[1].tobytes(), "rgb8; png compressed ")
        for i in range(20)
    ]
    read = read_bag(write_ros1_bag(tmp_path / "drive.bag", [*others, *pictures]))
    np.testing.assert_array_equal(read.read_image(4), picture(4))


def test_a_bag_without_index_names_the_remedy(tmp_path: Path) -> None:
    file = write_ros1_bag(tmp_path / "drive.bag", drive())
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match=f"{file}.*rosbag reindex {file}"):
        read_bag(file)


@pytest.mark.parametrize("head", [b"", b"#ROSBAG V2.0", b"#ROSBAG V2.0\n\xff\xff\xff\x7f", b"#ROSBAG V2.0\n\0\0\0\x70"])
def test_a_bag_that_claims_gigabytes_is_refused_without_reading_them(tmp_path: Path, head: bytes) -> None:
    file = tmp_path / "drive.bag"
    file.write_bytes(head)
    os.truncate(file, 1 << 40)  # a hole takes no space on the disk
    used, most = resource.getrlimit(resource.RLIMIT_DATA)
    data = int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmData" in line).split()[1])
    resource.setrlimit(resource.RLIMIT_DATA, (data * 1024 + 200_000_000, most))
    try:
        with pytest.raises(DatasetError, match="not a complete ROS 1 bag") as refusal:
            read_bag(file)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (used, most))
    reason = "a record claims" if len(head) > 13 else "File magic is invalid"
    assert reason in str(refusal.value)
