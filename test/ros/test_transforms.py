"""Tests of TF: the buffer against closed forms, and both directions over DDS."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rclpy.context import Context
from rclpy.node import Node
from robot_stage import Stage
from scipy.spatial.transform import Rotation, Slerp
from waiting import wait_until

from localization_common.geometry import se3
from localization_common.ros.map_correction import map_T_odom
from localization_common.ros.spinning import spinning
from localization_common.ros.tf_buffer import MAX_LINKS, TransformBuffer, TransformError
from localization_common.ros.transforms import Transforms, transform_stamped
from vlocnet_ros.node import VlocnetNode

SECOND = 1_000_000_000


def random_transform(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(rng=rng).as_matrix()
    matrix[:3, 3] = rng.normal(size=3)
    return matrix


A, B, C, D = (random_transform(seed) for seed in range(4))


@pytest.fixture
def buffer() -> TransformBuffer:
    """Buffer with map -> odom -> base -> camera, and base -> laser."""
    buffer = TransformBuffer()
    buffer.insert("map", "odom", A, 5 * SECOND, static=False)
    buffer.insert("odom", "base", B, 5 * SECOND, static=False)
    buffer.insert("base", "camera", C, 0, static=True)
    buffer.insert("base", "laser", D, 0, static=True)
    return buffer


@pytest.mark.parametrize(
    ("target", "source", "expected"),
    [
        ("map", "camera", A @ B @ C),
        ("camera", "map", np.linalg.inv(A @ B @ C)),
        ("odom", "base", B),
        ("camera", "laser", np.linalg.inv(C) @ D),
        ("base", "base", np.eye(4)),
    ],
)
def test_chains(buffer: TransformBuffer, target: str, source: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(buffer.lookup(target, source, 5 * SECOND), expected, atol=1e-12)
    np.testing.assert_allclose(buffer.lookup(target, source, None), expected, atol=1e-12)


def test_static_links_hold_at_any_time(buffer: TransformBuffer) -> None:
    np.testing.assert_allclose(buffer.lookup("base", "camera", 99 * SECOND), C, atol=1e-12)


def test_between_two_stamps_it_is_interpolated(buffer: TransformBuffer) -> None:
    buffer.insert("odom", "base", D, 7 * SECOND, static=False)
    between = buffer.lookup("odom", "base", 5 * SECOND + SECOND // 2)
    np.testing.assert_allclose(between[:3, 3], 0.75 * B[:3, 3] + 0.25 * D[:3, 3], atol=1e-12)
    slerp = Slerp([0.0, 1.0], Rotation.from_matrix([B[:3, :3], D[:3, :3]]))
    np.testing.assert_allclose(between[:3, :3], slerp(0.25).as_matrix(), atol=1e-9)


def test_the_order_of_arrival_does_not_matter(buffer: TransformBuffer) -> None:
    buffer.insert("odom", "base", D, 7 * SECOND, static=False)
    buffer.insert("odom", "base", C, 6 * SECOND, static=False)
    np.testing.assert_allclose(buffer.lookup("odom", "base", 6 * SECOND), C, atol=1e-12)
    np.testing.assert_allclose(buffer.lookup("odom", "base", None), D, atol=1e-12)


@pytest.mark.parametrize(
    ("target", "source", "stamp", "reason"),
    [
        ("map", "moon", None, r"no transform from moon \(unknown in TF\) to map"),
        ("moon", "base", None, r"no transform from base \(known in TF\) to moon"),
        ("odom", "base", 6 * SECOND, "ends 1.000 s before"),
        ("odom", "base", 3 * SECOND, "begins 2.000 s too late"),
    ],
)
def test_missing_transforms_are_named(
    buffer: TransformBuffer, target: str, source: str, stamp: int | None, reason: str
) -> None:
    with pytest.raises(TransformError, match=reason):
        buffer.lookup(target, source, stamp)


def test_waiting_ends_when_the_transform_comes(buffer: TransformBuffer) -> None:
    found: list[np.ndarray] = []
    waiter = threading.Thread(target=lambda: found.append(buffer.lookup("odom", "base", 6 * SECOND, 30.0)))
    waiter.start()
    buffer.insert("odom", "base", D, 6 * SECOND, static=False)
    waiter.join(5.0)
    np.testing.assert_allclose(found[0], D, atol=1e-12)


def test_a_transform_that_was_just_missed_is_not_waited_for_again(buffer: TransformBuffer) -> None:
    """Check that a queue of images waits for a missing transform once, and again when there is news."""

    def waited(source: str, stamp: int, timeout: float) -> float:
        start = time.monotonic()
        with pytest.raises(TransformError):
            buffer.lookup("odom", source, stamp, timeout)
        return time.monotonic() - start

    for source in ("base", "moon"):
        assert waited(source, 8 * SECOND, 0.2) >= 0.2
        assert waited(source, 9 * SECOND, 60.0) < 1.0
    buffer.insert("odom", "base", D, 6 * SECOND, static=False)
    buffer.insert("base", "moon", D, 0, static=True)
    for source in ("base", "moon"):
        assert waited(source, 9 * SECOND, 0.2) >= 0.2
        assert waited(source, 9 * SECOND, 60.0) < 1.0
    buffer.insert("odom", "base", D, 9 * SECOND, static=False)
    np.testing.assert_allclose(buffer.lookup("odom", "base", 9 * SECOND, 60.0), D, atol=1e-12)
    assert waited("base", 10 * SECOND, 0.2) >= 0.2


def test_clearing_keeps_static_links(buffer: TransformBuffer) -> None:
    buffer.clear()
    assert not buffer.connected("odom", "base")
    np.testing.assert_allclose(buffer.lookup("camera", "laser", None), np.linalg.inv(C) @ D, atol=1e-12)


def test_old_entries_are_removed(buffer: TransformBuffer) -> None:
    for second in (99, 100):
        buffer.insert("odom", "base", D, second * SECOND, static=False)
    with pytest.raises(TransformError, match="too late"):
        buffer.lookup("odom", "base", 5 * SECOND)


def test_a_second_parent_does_not_remove_a_frame(buffer: TransformBuffer) -> None:
    for parent in ("nowhere", "odom", "map"):
        buffer.insert(parent, "camera", D, 5 * SECOND, static=False)
        buffer.insert(parent, "base", D, 9 * SECOND, static=False)
    np.testing.assert_allclose(buffer.lookup("base", "camera", 5 * SECOND), C, atol=1e-12)
    np.testing.assert_allclose(buffer.lookup("odom", "laser", 5 * SECOND), B @ D, atol=1e-12)
    assert not buffer.connected("odom", "moon")


def test_a_static_link_does_not_move(buffer: TransformBuffer) -> None:
    buffer.insert("base", "camera", D, 5 * SECOND, static=False)
    np.testing.assert_allclose(buffer.lookup("base", "camera", 99 * SECOND), C, atol=1e-12)


def test_two_transforms_of_another_time_are_not_used_while_those_of_ros_time_arrive() -> None:
    now = 10_000 * SECOND
    buffer = TransformBuffer(now=lambda: now)
    buffer.insert("odom", "base", A, now, static=False)
    for stamp in (now - 3600 * SECOND, now - 3599 * SECOND, now + 3 * SECOND, now + 4 * SECOND):
        assert buffer.insert("odom", "base", B, stamp, static=False).unconfirmed
    np.testing.assert_allclose(buffer.lookup("odom", "base", now), A, atol=1e-12)
    assert buffer.latest("odom", "base") == now


def test_the_number_of_links_is_limited(buffer: TransformBuffer) -> None:
    for number in range(3 * MAX_LINKS):
        buffer.insert("odom", f"frame{number}", A, 5 * SECOND, static=False)
        if number % 100 == 0:
            buffer.insert("odom", "base", B, 5 * SECOND, static=False)
    assert len(buffer.frames) <= MAX_LINKS + 1
    np.testing.assert_allclose(buffer.lookup("odom", "camera", 5 * SECOND), B @ C, atol=1e-12)


def test_a_circle_of_frames_is_no_endless_loop() -> None:
    buffer = TransformBuffer()
    buffer.insert("a", "b", A, 0, static=True)
    buffer.insert("b", "a", B, 0, static=True)
    with pytest.raises(TransformError):
        buffer.lookup("a", "c", None)


@pytest.mark.parametrize("seed", range(5))
def test_map_to_odom_completes_the_chain_to_the_pose(seed: int) -> None:
    """Check REP-105: map->odom times odom->base is the estimated pose, also after a motion of the odometry."""
    map_T_base, odom_T_base, later = (random_transform(100 * seed + i) for i in range(3))
    drift = map_T_odom(map_T_base, odom_T_base)
    np.testing.assert_allclose(drift @ odom_T_base, map_T_base, atol=1e-12)
    motion = se3.inverse(odom_T_base) @ later
    np.testing.assert_allclose(drift @ later, map_T_base @ motion, atol=1e-12)


@pytest.fixture
def pair(context: Context) -> Iterator[tuple[Node, Node]]:
    nodes = Node("sender", context=context), Node("receiver", context=context)
    with spinning(*nodes):
        yield nodes
    for node in nodes:
        node.destroy_node()


def test_a_transform_of_one_node_is_found_by_another(pair: tuple[Node, Node]) -> None:
    sender, receiver = (Transforms(node) for node in pair)
    assert wait_until(lambda: pair[0].count_subscribers("/tf") == 2)
    sender.send("map", "odom", A, 5 * SECOND)
    assert wait_until(lambda: receiver.connected("map", "odom"))
    np.testing.assert_allclose(receiver.lookup("map", "odom", 5 * SECOND, 5.0), A, atol=1e-12)


def test_an_invalid_transform_is_ignored(stage: Stage) -> None:
    node = stage.start(VlocnetNode)
    invalid = transform_stamped("odom", "base_link", np.eye(4), SECOND)
    invalid.transform.rotation.w = 0.0
    stage.robot.send_tf(invalid)
    stage.robot.send_transform("odom", "wheel", np.eye(4), SECOND)
    assert wait_until(lambda: node.transforms.connected("odom", "wheel"))
    assert not node.transforms.connected("odom", "base_link")
    assert node.active


def test_a_leading_slash_in_a_frame_is_ignored(stage: Stage) -> None:
    node = stage.start(VlocnetNode)
    stage.robot.send_transform("/odom", "/base_link", A, SECOND)
    assert wait_until(lambda: node.transforms.connected("odom", "base_link"))


def test_message_of_a_transform() -> None:
    message = transform_stamped("map", "odom", A, 1_500_000_000)
    assert isinstance(message, TransformStamped)
    assert (message.header.frame_id, message.child_frame_id) == ("map", "odom")
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (1, 500_000_000)
