"""Tests of initialpose: accepted in every state, checked, transformed to the map frame, moved by the odometry."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped
from robot_stage import Stage
from stage_robot import CAMERA, FIRST, PERIOD, SECOND
from waiting import wait_until

from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.node import DmnNode
from localization_common.errors import InputError
from localization_common.geometry import planar
from localization_common.ros.conversions import image_from_array
from localization_common.ros.initial_pose import read_initial_pose
from localization_common.ros.lifecycle_client import ACTIVATE, CONFIGURE
from localization_common.ros.outputs import header

POSE = np.array([1.5, -1.0, 0.5])
NEAR = {"atol": 0.15}


def start(stage: Stage, **values: object) -> DmnNode:
    node: DmnNode = stage.start(DmnNode, process_all=True, **values)
    return node


def test_particles_are_at_the_pose(stage: Stage) -> None:
    node = start(stage)
    stage.robot.send_initial_pose(planar.to_se3(POSE))
    assert wait_until(lambda: node.pending_initial_pose is not None)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.mean, POSE, **NEAR)
    assert node.pending_initial_pose is None


def test_a_pose_without_a_covariance_is_exact(stage: Stage) -> None:
    node = start(stage, min_noise_d=0.0, min_noise_a=0.0)
    message = pose(variance=0.0)
    message.pose.pose.position.x = 1.5
    stage.robot.initial.publish(message)
    assert wait_until(lambda: node.pending_initial_pose is not None)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.particles, np.tile([1.5, 0.0, 0.0], (500, 1)), atol=1e-6)


def test_accepted_while_unconfigured_and_inactive(stage: Stage) -> None:
    node: DmnNode = stage.start(DmnNode, active=False, autostart=False, process_all=True)
    stage.robot.send_initial_pose(planar.to_se3(POSE))
    assert wait_until(lambda: node.pending_initial_pose is not None)
    assert stage.client("dmn").change(CONFIGURE)
    assert stage.client("dmn").change(ACTIVATE)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.mean, POSE, **NEAR)


def test_moved_by_the_odometry_since_its_stamp(stage: Stage) -> None:
    node = start(stage)
    for i in range(11):
        stage.robot.await_processed("dmn", stage.robot.send(i))  # 0.1 m ahead each
    stage.robot.send_initial_pose(planar.to_se3(POSE), stamp=FIRST)
    assert wait_until(lambda: node.pending_initial_pose is not None)
    stage.robot.await_processed("dmn", stage.robot.send(11))
    assert node.belief is not None
    expected = planar.compose(POSE, np.array([1.1, 0.0, 0.0]))
    np.testing.assert_allclose(node.belief.mean, expected, **NEAR)


def test_a_pose_in_a_frame_of_tf_is_transformed(stage: Stage) -> None:
    node = start(stage)
    map_T_room = planar.to_se3(np.array([1.0, 0.5, np.pi / 2]))
    stage.robot.send_transform("map", "room", map_T_room, FIRST)
    assert wait_until(lambda: node.transforms.connected("map", "room"))
    stage.robot.send_initial_pose(planar.to_se3(np.array([0.5, 0.0, -np.pi / 2])), frame_id="room")
    assert wait_until(lambda: node.pending_initial_pose is not None)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.mean, [1.0, 1.0, 0.0], **NEAR)


def test_a_foreign_frame_is_refused_and_the_belief_stays(stage: Stage) -> None:
    node = start(stage, transform_timeout=0.05, set_initial_pose=True, initial_pose__x=-2.0, initial_pose__std_d=0.05)
    stage.robot.send_initial_pose(planar.to_se3(POSE), frame_id="narnia")
    assert wait_until(lambda: node.pending_initial_pose is not None)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert "no transform from narnia" in stage.status_now("dmn").message
    assert node.belief is not None
    assert abs(node.belief.mean[0] + 2.0) < 0.3


def pose(**changes: float) -> PoseWithCovarianceStamped:
    message = PoseWithCovarianceStamped(header=header(FIRST, "map"))
    message.pose.pose.orientation.w = changes.get("w", 1.0)
    message.pose.pose.position.x = changes.get("x", 0.0)
    message.pose.covariance = (np.eye(6) * changes.get("variance", 0.01)).ravel()
    return message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (pose(x=float("nan")), "not finite"),
        (pose(w=0.0), "norm 0"),
        (pose(w=5.0), "norm 5"),
        (pose(variance=float("nan")), "covariance holds NaN"),
        (pose(variance=-1.0), "negative variance"),
        (PoseWithCovarianceStamped(), "no frame_id"),
    ],
    ids=["NaN", "zero quaternion", "long quaternion", "NaN covariance", "negative variance", "no frame"],
)
def test_invalid_poses_are_refused_with_a_reason(stage: Stage, message: PoseWithCovarianceStamped, reason: str) -> None:
    node = start(stage)
    stage.robot.initial.publish(message)
    assert wait_until(lambda: "initialpose" in node.monitor.problems)
    assert reason in stage.status_now("dmn").message
    assert node.pending_initial_pose is None
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.active


def with_entries(*entries: tuple[int, int, float]) -> PoseWithCovarianceStamped:
    message = pose(x=0.5)
    full = np.diag([0.01, 0.01, 0.0, 0.0, 0.0, 0.01])
    for row, column, value in entries:
        full[row, column] = value
    message.pose.covariance = full.ravel()
    return message


@pytest.mark.parametrize(
    "entries",
    [
        [(2, 2, -1e-12)], [(2, 2, 1e9)], [(3, 3, -1.0)], [(2, 3, 0.1)], [(0, 2, 5.0)],
        [(0, 1, 0.004), (1, 0, 0.00400000001)], [(0, 1, 0.01), (1, 0, 0.010000001)], [(5, 5, -1e-13)],
    ],
    ids=[
        "z rounded", "z unknown", "roll -1", "z and roll not symmetric", "x and z not symmetric",
        "x and y rounded", "x and y correlated", "yaw rounded",
    ],
)  # fmt: skip
def test_only_the_covariance_of_x_y_and_yaw_counts(entries: list[tuple[int, int, float]]) -> None:
    """Nav2 reads no other entries of an initial pose, so that other localizers leave anything there."""
    read = read_initial_pose(with_entries(*entries))
    mean, covariance = read.planar
    np.testing.assert_allclose(mean, [0.5, 0.0, 0.0])
    gaussian = PlanarGaussian(mean, covariance)
    np.testing.assert_allclose(np.diag(gaussian.covariance)[:2], 0.01, rtol=1e-6)
    assert np.linalg.eigvalsh(gaussian.covariance).min() >= -1e-15


def test_a_whole_covariance_is_kept_for_other_frames() -> None:
    full = np.diag([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    message = pose()
    message.pose.covariance = full.ravel()
    np.testing.assert_array_equal(read_initial_pose(message).covariance, full)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([(0, 1, 0.02), (1, 0, 0.02)], "not symmetric and positive"),
        ([(0, 1, 0.005)], "not symmetric and positive"),
        ([(5, 5, -0.01)], "negative variance"),
        ([(0, 0, 1e9)], "more than 1e"),
        ([(3, 3, float("nan"))], "covariance holds NaN"),
    ],
    ids=["no Gaussian", "not symmetric", "yaw negative", "beyond the Earth", "roll NaN"],
)
def test_a_wrong_covariance_of_x_y_and_yaw_is_refused(entries: list[tuple[int, int, float]], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_initial_pose(with_entries(*entries))


def test_without_odometry_at_its_stamp_the_pose_is_not_moved(stage: Stage) -> None:
    node = start(stage)
    stage.robot.send_initial_pose(planar.to_se3(POSE), stamp=FIRST - 100 * SECOND)
    assert wait_until(lambda: node.pending_initial_pose is not None)
    stage.robot.await_processed("dmn", stage.robot.send(0))
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.mean, POSE, **NEAR)


def test_a_refused_image_does_not_use_up_the_pose(stage: Stage) -> None:
    node = start(stage)
    stage.robot.send_initial_pose(planar.to_se3(POSE), stamp=FIRST)
    assert wait_until(lambda: node.pending_initial_pose is not None)
    black = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    stage.robot.await_processed("dmn", stage.robot.send(0, image_from_array(black, "rgb8", header(FIRST, "c"))))
    for i in range(1, 6):
        stage.robot.send_odometry(FIRST + i * PERIOD, 0.1 * i)
    stage.robot.await_processed("dmn", stage.robot.send(6))
    assert node.belief is not None
    np.testing.assert_allclose(node.belief.mean, planar.compose(POSE, np.array([0.6, 0.0, 0.0])), **NEAR)
