"""Tests of a recorded drive that is published: images, calibration, odometry and mount arrive unchanged."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.node import Node
from robot_stage import Stage
from sensor_msgs.msg import CameraInfo, Image
from stage_robot import BASE_T_CAMERA, CAMERA, FIRST, PERIOD, textured
from tf2_msgs.msg import TFMessage
from waiting import wait_until

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.messages import camera_from, matrix_from_transform
from localization_common.ros.outputs import LATCHED
from localization_common.ros.recorder import Recorder
from localization_common.ros.sequence_player import SequencePlayer
from localization_common.ros.spinning import spinning
from vlocnet_ros.node import VlocnetNode

FRAMES = 10


@pytest.fixture
def drive() -> Sequence:
    """Drive of ten frames straight ahead; one frame has no odometry."""
    poses = planar.to_se3(np.stack([0.1 * np.arange(FRAMES), np.zeros(FRAMES), np.zeros(FRAMES)], axis=1))
    odometry = poses.copy()
    odometry[4] = np.nan
    return Sequence(
        name="straight",
        camera=CAMERA,
        frame_numbers=np.arange(FRAMES),
        stamps=FIRST + np.arange(FRAMES) * PERIOD,
        map_T_camera=poses @ BASE_T_CAMERA,
        read_image=textured,
        base_T_camera=BASE_T_CAMERA,
        odom_T_base=odometry,
    )


@pytest.fixture
def two_nodes(context: Context) -> Iterator[tuple[Node, Node]]:
    nodes = Node("player", context=context), Node("listener", context=context)
    with spinning(*nodes):
        yield nodes
    for node in nodes:
        node.destroy_node()


def test_everything_arrives_unchanged(two_nodes: tuple[Node, Node], drive: Sequence) -> None:
    recorder = Recorder(two_nodes[1], {"/image": Image, "/odom": Odometry})
    infos: list[Any] = []
    mounts: list[Any] = []
    two_nodes[1].create_subscription(CameraInfo, "/camera_info", infos.append, 100)
    player = SequencePlayer(two_nodes[0], drive, base_frame="base_link", odometry=True)
    two_nodes[1].create_subscription(TFMessage, "/tf_static", mounts.append, LATCHED)  # after it was sent
    assert player.wait_for_subscribers()
    assert player.play() == FRAMES
    assert recorder.wait_for(lambda: recorder.count("/image") == FRAMES, 10.0)
    assert recorder.wait_for(lambda: recorder.count("/odom") == FRAMES - 1, 10.0)
    assert wait_until(lambda: len(infos) == FRAMES and len(mounts) == 1)
    for i, record in enumerate(recorder.of("/image")):
        assert record.stamp == FIRST + i * PERIOD
        np.testing.assert_array_equal(record.image, textured(i))
    assert FIRST + 4 * PERIOD not in recorder.by_stamp("/odom")
    assert camera_from(infos[0]) == CAMERA
    np.testing.assert_allclose(matrix_from_transform(mounts[0].transforms[0].transform), BASE_T_CAMERA, atol=1e-12)
    assert list(player.published) == drive.stamps.tolist()


def test_the_wait_for_subscribers_needs_all_topics(two_nodes: tuple[Node, Node], drive: Sequence) -> None:
    player = SequencePlayer(two_nodes[0], drive, base_frame="base_link", odometry=True)
    two_nodes[1].create_subscription(Image, "/image", lambda _: None, 10)
    assert wait_until(lambda: two_nodes[0].count_subscribers("/image") == 1)
    assert not player.wait_for_subscribers(timeout=0.2)  # nobody would have the calibration of the images
    two_nodes[1].create_subscription(CameraInfo, "/camera_info", lambda _: None, 10)
    assert player.wait_for_subscribers()
    assert not player.wait_for_subscribers(odometry_count=1, timeout=0.2)
    two_nodes[1].create_subscription(Odometry, "/odom", lambda _: None, 10)
    assert player.wait_for_subscribers(odometry_count=1)


def test_playing_waits_and_can_be_stopped(two_nodes: tuple[Node, Node], drive: Sequence) -> None:
    go, counted = threading.Semaphore(3), []
    player = SequencePlayer(two_nodes[0], drive, base_frame="base_link", odometry=False)
    thread = threading.Thread(target=lambda: counted.append(player.play(before_image=lambda _: go.acquire())))
    thread.start()
    assert wait_until(lambda: len(player.published) == 3)
    player.stop()
    go.release()
    thread.join(5.0)
    assert not thread.is_alive()
    assert counted == [3]


def test_a_replayed_drive_loses_no_frame_in_a_real_node(stage: Stage, drive: Sequence) -> None:
    stage.start(VlocnetNode, process_all=True)
    player = SequencePlayer(stage.robot.node, replace(drive, odom_T_base=None), base_frame="base_link", odometry=False)
    assert player.wait_for_subscribers()
    player.play()
    stage.robot.await_processed("vlocnet", FIRST + (FRAMES - 1) * PERIOD)
    assert len(stage.robot.recorder.by_stamp("vlocnet/odometry")) == FRAMES
