"""MCAP files with messages of ROS 1, and with messages in formats that are not read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from bag_cases import Message, drive, picture, write_bag, write_ros1_bag
from mcap.writer import Writer

from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.datasets.bags.reader import read_bag
from localization_common.errors import DatasetError


def write_mcap(path: Path, messages: Iterable[Message], encodings: dict[str, str], usual: str = "ros1") -> Path:
    """Write a file like that of ``mcap convert drive.bag``; topics in ``encodings`` are announced in another format."""
    with path.open("wb") as file:
        writer, channels = Writer(file), dict[str, int]()
        writer.start(profile="ros1")
        for message in sorted(messages, key=lambda one: one.time):
            if message.topic not in channels:
                schema = writer.register_schema(message.kind.replace("/msg/", "/"), "ros1msg", b"")
                name = encodings.get(message.topic, usual)
                channels[message.topic] = writer.register_channel(message.topic, name, schema)
            data = encoding.STORE.serialize_cdr(message.content, message.kind)
            if encodings.get(message.topic, usual) == "ros1":
                data = encoding.STORE.cdr_to_ros1(data, message.kind)
            writer.add_message(channels[message.topic], message.time, bytes(data), message.time)
        writer.finish()
    return path


@pytest.mark.parametrize("encodings", [{}, {"/image": "cdr", "/odom": "cdr"}])
def test_an_mcap_of_a_ros_1_bag_gives_the_same_sequence(tmp_path: Path, encodings: dict[str, str]) -> None:
    converted = read_bag(write_mcap(tmp_path / "drive.mcap", drive(), encodings))
    new = read_bag(write_bag(tmp_path / "drive", drive()))
    for field in ("stamps", "frame_numbers", "map_T_camera", "odom_T_base", "base_T_camera"):
        np.testing.assert_array_equal(getattr(converted, field), getattr(new, field))
    np.testing.assert_array_equal(converted.read_image(7), picture(7))


def test_a_folder_may_hold_both_serialisations_of_a_topic(tmp_path: Path) -> None:
    messages = sorted(drive(), key=lambda one: one.time)
    half = len(messages) // 2
    write_mcap(tmp_path / "drive_0.mcap", messages[:half], {})
    write_mcap(tmp_path / "drive_1.mcap", messages[half:], {}, "cdr")
    write_ros1_bag(tmp_path / "drive_2.bag", [message for message in drive(30) if message.time > messages[-1].time])
    read = read_bag(tmp_path)
    assert len(read) > 20
    np.testing.assert_array_equal(read.read_image(2), picture(2))
    np.testing.assert_array_equal(read.read_image(19), picture(19))


@pytest.mark.parametrize("name", ["json", "protobuf", "cbor"])
def test_other_formats_are_refused_by_name(tmp_path: Path, name: str) -> None:
    file = write_mcap(tmp_path / "drive.mcap", drive(), {"/image": name})
    with pytest.raises(
        DatasetError, match=rf"no images on /image; .*/image \(sensor_msgs/msg/Image in {name}, 20 mess"
    ):
        read_bag(file)
    file = write_mcap(tmp_path / "odometry.mcap", drive(), {"/odom": name})
    with pytest.raises(DatasetError, match=rf"/odom .* is of type nav_msgs/msg/Odometry in {name}; accepted are nav"):
        read_bag(file)
