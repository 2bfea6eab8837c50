"""Bags published and answers recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.context import Context
from rclpy.node import Node
from rclpy.serialization import serialize_message
from robot_stage import CAMERA, FIRST, PERIOD, Stage, textured, wait_until
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from localization_common.errors import DatasetError
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header
from localization_common.ros.player import BagPlayer, header_stamp, keeping_up
from localization_common.ros.recorder import Recorder
from localization_common.ros.spinning import spinning
from vlocnet_ros.node import VlocnetNode

FRAMES = 10


@pytest.fixture(scope="module", params=[StoragePlugin.MCAP, StoragePlugin.SQLITE3], ids=["mcap", "db3"])
def bag(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten images in two seconds, with camera_info, serialised by rclpy itself."""
    path = tmp_path_factory.mktemp("bag") / "drive"
    store = get_typestore(Stores.ROS2_JAZZY)
    with Writer(path, version=9, storage_plugin=request.param) as writer:
        topics = {"/image": "sensor_msgs/msg/Image", "/camera_info": "sensor_msgs/msg/CameraInfo"}
        connections = {t: writer.add_connection(t, kind, typestore=store) for t, kind in topics.items()}
        for i in range(FRAMES):
            stamp = FIRST + i * PERIOD
            head = header(stamp, "camera_optical_frame")
            info = serialize_message(camera_to_info(CAMERA, head))
            image = serialize_message(image_from_array(textured(i), "rgb8", head))
            writer.write(connections["/camera_info"], stamp, info)
            writer.write(connections["/image"], stamp, image)
    return path


@pytest.fixture
def two_nodes(context: Context) -> Iterator[tuple[Node, Node]]:
    nodes = Node("player", context=context), Node("ear", context=context)
    with spinning(*nodes):
        yield nodes
    for node in nodes:
        node.destroy_node()


def test_every_message_arrives_unchanged(two_nodes: tuple[Node, Node], bag: Path) -> None:
    recorder = Recorder(two_nodes[1], {"/image": Image})
    infos: list[Any] = []
    two_nodes[1].create_subscription(CameraInfo, "/camera_info", infos.append, 100)
    player = BagPlayer(two_nodes[0], bag)
    assert player.wait_for_subscribers()
    assert player.play(rate=None) == FRAMES
    assert recorder.wait_for(lambda: recorder.count("/image") == FRAMES, 10.0)
    assert wait_until(lambda: len(infos) == FRAMES)
    for i, record in enumerate(recorder.of("/image")):
        assert record.stamp == FIRST + i * PERIOD
        np.testing.assert_array_equal(record.image, textured(i))
    assert list(player.published) == [FIRST + i * PERIOD for i in range(FRAMES)]


def test_topics_are_chosen_and_renamed(two_nodes: tuple[Node, Node], bag: Path) -> None:
    recorder = Recorder(two_nodes[1], {"/front/image": Image})
    player = BagPlayer(two_nodes[0], bag, topics=["/image"], remap={"/image": "/front/image"})
    assert player.wait_for_subscribers()
    player.play(rate=None)
    assert recorder.wait_for(lambda: recorder.count("/front/image") == FRAMES, 10.0)
    assert two_nodes[0].count_publishers("/camera_info") == 0


def test_the_rate_is_kept_and_the_clock_published(two_nodes: tuple[Node, Node], bag: Path) -> None:
    ticks: list[Any] = []
    two_nodes[1].create_subscription(Clock, "/clock", ticks.append, 100)
    player = BagPlayer(two_nodes[0], bag, clock=True)
    began = time.monotonic()
    player.play(rate=4.0)  # 1.8 s of bag
    assert 0.4 < time.monotonic() - began < 3.0
    assert wait_until(lambda: len(ticks) > 0)
    assert ticks[-1].clock.sec >= FIRST // 1_000_000_000


def test_playing_can_be_stopped(two_nodes: tuple[Node, Node], bag: Path) -> None:
    player = BagPlayer(two_nodes[0], bag)
    counted: list[int] = []
    thread = threading.Thread(target=lambda: counted.append(player.play(rate=0.01)))
    thread.start()
    player.stop()
    thread.join(5.0)
    assert not thread.is_alive()
    assert counted[0] < FRAMES


def test_a_bag_without_images_is_refused(two_nodes: tuple[Node, Node], bag: Path) -> None:
    with pytest.raises(DatasetError, match=r"no images on /front; it has \['/camera_info', '/image'\]"):
        BagPlayer(two_nodes[0], bag, image_topic="/front")


def test_the_player_waits_for_those_who_are_not_done(two_nodes: tuple[Node, Node], bag: Path) -> None:
    """With two images in flight, the third is published only after the first is done."""
    player = BagPlayer(two_nodes[0], bag)
    done = two_nodes[1].create_publisher(Header, "/node/processed", 10)
    recorder = Recorder(two_nodes[0], {"/node/processed": Header})
    assert wait_until(lambda: done.get_subscription_count() == 1)
    hold = keeping_up(player, recorder, ["/node/processed"], in_flight=2, timeout=20.0)
    thread = threading.Thread(target=lambda: player.play(rate=None, before_image=hold))
    thread.start()
    for i in range(FRAMES):
        expected = min(i + 2, FRAMES)
        assert wait_until(lambda expected=expected: len(player.published) == expected)
        done.publish(header(FIRST + i * PERIOD, ""))
    thread.join(10.0)
    assert len(player.published) == FRAMES


def test_a_node_that_is_dead_does_not_stop_the_bag(two_nodes: tuple[Node, Node], bag: Path) -> None:
    player = BagPlayer(two_nodes[0], bag)
    recorder = Recorder(two_nodes[0], {"/node/processed": Header})
    hold = keeping_up(player, recorder, ["/node/processed"], in_flight=1, timeout=0.01)
    assert player.play(rate=None, before_image=hold) == FRAMES


def test_a_replayed_bag_loses_no_frame_in_a_real_node(stage: Stage, bag: Path) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    player = BagPlayer(stage.robot.node, bag)
    assert player.wait_for_subscribers()
    hold = keeping_up(player, stage.robot.recorder, ["vlocnet/processed"])
    player.play(rate=None, before_image=hold)
    stage.robot.await_processed("vlocnet", FIRST + (FRAMES - 1) * PERIOD)
    assert len(stage.robot.recorder.by_stamp("vlocnet/odometry")) == FRAMES


def test_stamps_are_read_from_raw_messages() -> None:
    message = image_from_array(textured(0), "rgb8", header(FIRST + 7, "camera"))
    assert header_stamp(serialize_message(message)) == FIRST + 7
