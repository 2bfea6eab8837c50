"""Bad messages of bags: one is left out and counted; a topic with more bad messages than good ones is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_cases import Message, along, drive, images, mount, odometry, stamp, truth, write_bag

from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError

TIMES = np.arange(-0.2, 4.2, 0.1)


def spoiled(message: Message, value: float) -> Message:
    """Copy of a message with an impossible orientation."""
    pose: Any = message.content.pose
    pose = getattr(pose, "pose", pose)
    pose.orientation.x = pose.orientation.y = pose.orientation.z = pose.orientation.w = value
    return message


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf"), 1e308])
@pytest.mark.parametrize(("topic", "what"), [("/odom", "odometry messages"), ("/ground_truth/pose", "poses")])
def test_a_bad_pose_is_left_out_and_counted_with_topic_and_time(
    tmp_path: Path, topic: str, what: str, value: float
) -> None:
    messages = [mount(), *along(odometry, TIMES), *along(truth, TIMES), *images()]
    bad = [m for m in messages if m.topic == topic][7]
    spoiled(bad, value)
    read = read_bag(write_bag(tmp_path / "bag", messages))
    assert (len(read), read.has_pose.all(), read.has_odometry.all()) == (20, True, True)
    text = read.summary.text()
    assert f"left out: 1 {what}: " in text
    assert f"{topic}" in text
    assert str(bad.time) in text


@pytest.mark.parametrize("topic", ["/odom", "/amcl_pose"])
def test_a_topic_that_is_bad_for_the_most_part_is_refused(tmp_path: Path, topic: str) -> None:
    renamed = [m._replace(topic="/amcl_pose") if m.topic == "/ground_truth/pose" else m for m in drive()]
    bag = write_bag(tmp_path / "bag", [spoiled(m, 0.0) if m.topic == topic else m for m in renamed])
    with pytest.raises(DatasetError, match=f"more than half of {topic} cannot be used: .* norm 0"):
        read_bag(bag, RecordingOptions(topics=BagTopics(ground_truth="/amcl_pose")))


def test_true_poses_that_nobody_named_and_that_are_bad_for_the_most_part_are_remarked(tmp_path: Path) -> None:
    messages = [spoiled(m, 0.0) if m.topic == "/ground_truth/pose" else m for m in drive()]
    read = read_bag(write_bag(tmp_path / "bag", messages))
    assert not read.has_pose.any()
    assert "remark: the true poses are not used: " in read.summary.text()
    assert "more than half of /ground_truth/pose cannot be used" in read.summary.text()


def test_an_image_that_contradicts_itself_is_left_out_and_counted(tmp_path: Path) -> None:
    messages = drive()
    pictures = [m for m in messages if m.topic == "/image"]
    pictures[3].content.step = 14
    pictures[5].content.data = pictures[5].content.data[:-1]
    pictures[8].content.encoding = "yuv9"
    read = read_bag(write_bag(tmp_path / "bag", messages))
    assert len(read) == 17
    assert read.summary.frames_left_out == 3
    for reason in ("step is 14 bytes", "the image was cut short", "'yuv9'"):
        assert reason in read.summary.text()
    assert f"/image at {stamp(0.6)} ns" in read.summary.text()
    assert read.frame_numbers.tolist() == [i for i in range(20) if i not in (3, 5, 8)]


def test_images_that_are_all_bad_are_refused_with_the_reason(tmp_path: Path) -> None:
    messages = drive()
    for message in messages:
        if message.topic == "/image":
            message.content.encoding = "yuv9"
    with pytest.raises(DatasetError, match=r"no image on /image can be used: 20 images: unknown encoding 'yuv9'"):
        read_bag(write_bag(tmp_path / "bag", messages))
