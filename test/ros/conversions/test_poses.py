"""Tests of the conversion of poses, covariances and stamps, compared with SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from localization_common.errors import InputError
from localization_common.messages import covariance_from, matrix_from_pose, matrix_from_transform, stamp_from_time
from localization_common.ros.conversions import (
    covariance_from_planar,
    pose_from_matrix,
    time_from_stamp,
    transform_from_matrix,
)


def random_transform(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.random(rng=rng).as_matrix()
    matrix[:3, 3] = rng.normal(size=3)
    return matrix


@pytest.mark.parametrize("seed", range(20))
def test_ros_quaternions_have_w_last(seed: int) -> None:
    matrix = random_transform(seed)
    pose, transform = pose_from_matrix(matrix), transform_from_matrix(matrix)
    for q in (pose.orientation, transform.rotation):
        rotation = Rotation.from_quat([q.x, q.y, q.z, q.w], scalar_first=False)
        np.testing.assert_allclose(rotation.as_matrix(), matrix[:3, :3], atol=1e-12)
    np.testing.assert_allclose(matrix_from_pose(pose), matrix, atol=1e-12)
    np.testing.assert_allclose(matrix_from_transform(transform), matrix, atol=1e-12)


def test_a_quarter_turn_to_the_left() -> None:
    s = float(np.sqrt(0.5))
    pose = Pose(position=Point(x=1.0, y=2.0, z=3.0), orientation=Quaternion(x=0.0, y=0.0, z=s, w=s))
    expected = [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(matrix_from_pose(pose), expected, atol=1e-12)


def test_quaternions_that_are_a_little_off_are_normalised() -> None:
    pose = Pose(orientation=Quaternion(x=0.0, y=0.0, z=0.0, w=1.05))
    np.testing.assert_allclose(matrix_from_pose(pose), np.eye(4), atol=1e-12)


@given(st.integers(min_value=0, max_value=2**31 * 1_000_000_000 - 1))
def test_stamps_survive_exactly(stamp: int) -> None:
    assert stamp_from_time(time_from_stamp(stamp)) == stamp


def test_nanoseconds_of_a_stamp() -> None:
    assert stamp_from_time(Time(sec=2, nanosec=5)) == 2_000_000_005


def test_covariances_are_row_major() -> None:
    values = np.arange(36.0)
    assert covariance_from(values)[1, 2] == 8.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_bad_covariances_are_refused(bad: float) -> None:
    values = np.eye(6)
    values[3, 3] = bad
    with pytest.raises(InputError, match="covariance"):
        covariance_from(values.ravel())


def test_planar_covariance_sits_at_x_y_and_yaw() -> None:
    planar = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    full = covariance_from_planar(planar)
    assert (full[0, 0], full[1, 1], full[5, 5], full[0, 5], full[1, 5]) == (1.0, 2.0, 3.0, 0.2, 0.3)
    assert np.count_nonzero(full) == 9
