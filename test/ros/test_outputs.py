"""Messages made from plain data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from visualization_msgs.msg import Marker

from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import OdometrySample
from localization_common.messages import matrix_from_pose
from localization_common.ros.outputs import (
    MAX_CELLS,
    belief_grid,
    odometry_message,
    particle_markers,
    planar_pose,
    pose_array,
    pose_message,
    view_markers,
)

STAMP = 12_000_000_345
POSES = np.array([[1.0, 2.0, 0.5], [-1.0, 0.0, -3.0], [0.0, 0.0, 3.1]])
WEIGHTS = np.array([0.6, 0.3, 0.1])


def test_pose_message_carries_all_numbers() -> None:
    matrix = planar.to_se3(POSES[0])
    covariance = np.arange(36.0).reshape(6, 6)
    message = pose_message(STAMP, "map", matrix, covariance)
    assert (message.header.frame_id, message.header.stamp.sec, message.header.stamp.nanosec) == ("map", 12, 345)
    np.testing.assert_allclose(matrix_from_pose(message.pose.pose), matrix, atol=1e-12)
    np.testing.assert_array_equal(message.pose.covariance, np.arange(36.0))


def test_odometry_message_has_pose_twist_and_both_covariances() -> None:
    sample = OdometrySample(STAMP, planar.to_se3(POSES[1]), np.eye(6) * 2.0, np.arange(1.0, 7.0), np.eye(6) * 3.0)
    message = odometry_message(sample, "odom", "base_link")
    assert (message.header.frame_id, message.child_frame_id) == ("odom", "base_link")
    linear, angular = message.twist.twist.linear, message.twist.twist.angular
    assert (linear.x, linear.y, linear.z, angular.x, angular.y, angular.z) == (1, 2, 3, 4, 5, 6)
    assert (message.pose.covariance[0], message.twist.covariance[0]) == (2.0, 3.0)
    np.testing.assert_allclose(matrix_from_pose(message.pose.pose), sample.odom_T_base, atol=1e-12)


@pytest.mark.parametrize("pose", POSES)
def test_planar_poses_turn_about_z(pose: np.ndarray) -> None:
    q = planar_pose(pose).orientation
    assert Rotation.from_quat([q.x, q.y, q.z, q.w]).as_rotvec()[2] == pytest.approx(pose[2])


def test_pose_array_keeps_the_order() -> None:
    message = pose_array(STAMP, "map", POSES)
    assert [p.position.x for p in message.poses] == POSES[:, 0].tolist()


def test_particles_are_strokes_along_their_heading_and_the_heaviest_is_the_most_opaque() -> None:
    marker = particle_markers(STAMP, "map", POSES, WEIGHTS, length=0.2).markers[0]
    assert marker.type == Marker.LINE_LIST
    tails, tips = marker.points[::2], marker.points[1::2]
    for pose, tail, tip in zip(POSES, tails, tips, strict=True):
        assert (tail.x, tail.y) == (pose[0], pose[1])
        assert np.arctan2(tip.y - tail.y, tip.x - tail.x) == pytest.approx(pose[2])
        assert np.hypot(tip.y - tail.y, tip.x - tail.x) == pytest.approx(0.2)
    opacity = [c.a for c in marker.colors[::2]]
    assert opacity == sorted(opacity, reverse=True)
    assert opacity[0] == 1.0


def test_views_replace_those_before() -> None:
    markers = view_markers(STAMP, "map", POSES).markers
    assert markers[0].action == Marker.DELETEALL
    assert [m.id for m in markers[1:]] == [0, 1, 2]
    assert [m.pose.position.y for m in markers[1:]] == POSES[:, 1].tolist()


def test_belief_grid_is_the_histogram_of_the_weights() -> None:
    particles = np.array([[0.25, 0.25, 0.0], [0.3, 0.2, 1.0], [1.9, 0.9, 0.0], [5.0, 5.0, 0.0]])
    grid = belief_grid(STAMP, "map", particles, np.array([0.2, 0.3, 0.25, 0.25]), (0.0, 0.0, 2.0, 1.0), 0.5)
    assert (grid.info.width, grid.info.height) == (4, 2)
    cells = np.array(grid.data).reshape(2, 4)
    # Row 0 is at the smallest y; the fullest cell is 100; what lies outside counts nowhere.
    assert cells.tolist() == [[100, 0, 0, 0], [0, 0, 0, 50]]
    assert (grid.info.origin.position.x, grid.info.origin.position.y) == (0.0, 0.0)


@pytest.mark.parametrize(
    "bounds", [(-1e3, -1e3, 1e3, 1e3), (0.0, 0.0, 1e7, 1.0), (0.0, 0.0, 1e-3, 1e7), (0.0, 0.0, 2e7, 2e7)]
)
@pytest.mark.parametrize("resolution", [0.01, 10.0])
def test_belief_grid_grows_coarser_over_a_large_map(bounds: tuple[float, ...], resolution: float) -> None:
    corner = np.array([[bounds[2], bounds[3], 0.0]])
    grid = belief_grid(STAMP, "map", corner, np.array([1.0]), bounds, resolution)
    assert grid.info.width * grid.info.height == len(grid.data) <= MAX_CELLS
    assert grid.info.resolution >= resolution
    assert grid.info.width * grid.info.resolution >= bounds[2] - bounds[0]
    assert grid.info.height * grid.info.resolution >= bounds[3] - bounds[1]
    assert max(grid.data) == 100
    assert len(grid.data) > 10_000
