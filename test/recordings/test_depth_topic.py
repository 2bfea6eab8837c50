"""Depth of a bag is used only where it belongs to the pixels of the images, and the summary has the reason if not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_cases import CAMERA, Message, camera_info, drive, image, write_bag

from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError

ALIGNED, OTHER = "/camera/aligned_depth_to_color/image_raw", "/camera/depth/image_rect_raw"


def depths(topic: str, *, offset: float = 0.0, **fields: Any) -> list[Message]:
    """Depth of 20 images, 2 m everywhere."""
    metres = np.full((CAMERA.height, CAMERA.width), 2000, np.uint16).view(np.uint8).ravel()
    raw = {"encoding": "16UC1", "step": 2 * CAMERA.width, "data": metres}
    return [image(0.2 * i + offset, topic=topic, **raw, **fields) for i in range(20)]


def test_the_only_registered_depth_is_taken_and_reported(tmp_path: Path) -> None:
    messages = [*drive(), *depths(ALIGNED), *depths(OTHER, frame="camera_depth")]
    read = read_bag(write_bag(tmp_path / "bag", messages))
    assert read.read_depth is not None
    np.testing.assert_allclose(read.read_depth(3), 2.0)
    assert any(f"{ALIGNED} is taken for /depth" in note for note in read.summary.assumed)
    assert any(f"depth on {OTHER} is of frame 'camera_depth'" in note for note in read.summary.assumed)
    assert f"depth: 20 of 20 images have one: {ALIGNED}" in read.summary.text()


@pytest.mark.parametrize("topic", ["/depth", OTHER])
def test_depth_of_another_frame_is_left_out(tmp_path: Path, topic: str) -> None:
    bag = write_bag(tmp_path / "bag", [*drive(), *depths(topic, frame="camera_depth")])
    read = read_bag(bag)
    assert read.read_depth is None
    assert any("of frame 'camera_depth'" in note and "aligned_depth_to_color" in note for note in read.summary.assumed)
    if topic != "/depth":
        with pytest.raises(DatasetError, match=r"images on /image are of 'camera'.*aligned_depth_to_color"):
            read_bag(bag, RecordingOptions(topics=BagTopics(depth=topic)))


def test_depth_of_another_lens_is_left_out(tmp_path: Path) -> None:
    lens = np.array([20.0, 0.0, 16.0, 0.0, 20.0, 12.0, 0.0, 0.0, 1.0])
    infos = [camera_info(0.2 * i, topic="/camera/depth/camera_info", k=lens) for i in range(20)]
    read = read_bag(write_bag(tmp_path / "bag", [*drive(), *depths(OTHER), *infos]))
    assert read.read_depth is None
    assert any("another lens" in note for note in read.summary.assumed)


def test_depth_of_another_size_is_left_out(tmp_path: Path) -> None:
    half = {"width": 16, "height": 12, "step": 32, "data": np.zeros(16 * 12 * 2, np.uint8)}
    small = [image(0.2 * i, topic=OTHER, encoding="16UC1", **half) for i in range(20)]
    read = read_bag(write_bag(tmp_path / "bag", [*drive(), *small]))
    assert read.read_depth is None
    assert any("is 16x12, images on /image are 32x24" in note for note in read.summary.assumed)


def test_of_several_depths_one_must_be_named(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", [*drive(), *depths(ALIGNED), *depths("/other/depth")])
    read = read_bag(bag)
    assert read.read_depth is None
    assert any("several have depth; name one with --topics.depth" in note for note in read.summary.assumed)
    assert read_bag(bag, RecordingOptions(topics=BagTopics(depth=ALIGNED))).read_depth is not None


def test_images_without_depth_are_counted(tmp_path: Path) -> None:
    late = depths(ALIGNED, offset=0.03)
    read = read_bag(write_bag(tmp_path / "bag", [*drive(), *depths(ALIGNED)[:1], *late[1:]]))
    assert f"depth: 1 of 20 images have one: {ALIGNED}; the others have none within 0.02 s, the nearest is 0.030 s" in (
        read.summary.text()
    )
