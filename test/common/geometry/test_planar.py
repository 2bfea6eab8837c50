"""Planar poses against 3x3 matrices and complex numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from localization_common.geometry import planar, se3

coordinates = st.floats(-100, 100)
poses = st.tuples(coordinates, coordinates, st.floats(-10, 10)).map(np.array)


def matrix(pose: np.ndarray) -> np.ndarray:
    x, y, yaw = pose
    return np.array([[np.cos(yaw), -np.sin(yaw), x], [np.sin(yaw), np.cos(yaw), y], [0, 0, 1]])


@given(st.floats(-1e4, 1e4))
@example(np.pi)
@example(-np.pi)
@example(np.nextafter(-np.pi, -4))
@example(3 * np.pi)
def test_wrapped_angles_are_the_same_direction_in_the_half_open_range(angle: float) -> None:
    wrapped = float(planar.wrap_angle(angle))
    assert -np.pi <= wrapped < np.pi
    assert abs(np.exp(1j * wrapped) - np.exp(1j * angle)) < 1e-9


@given(poses, poses)
def test_composition_is_the_matrix_product(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(matrix(planar.compose(a, b)), matrix(a) @ matrix(b), atol=1e-9)


@given(poses, poses)
def test_relative_pose_is_inverse_times_pose(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_allclose(matrix(planar.inverse(a)), np.linalg.inv(matrix(a)), atol=1e-9)
    np.testing.assert_allclose(matrix(planar.relative(a, b)), np.linalg.inv(matrix(a)) @ matrix(b), atol=1e-9)


def test_composition_broadcasts() -> None:
    particles = np.random.default_rng(0).normal(size=(7, 3))
    moved = planar.compose(particles, np.array([0.1, 0.0, 0.2]))
    expected = [matrix(p) @ matrix(np.array([0.1, 0.0, 0.2])) for p in particles]
    np.testing.assert_allclose([matrix(p) for p in moved], expected, atol=1e-12)


@given(poses)
def test_to_space_and_back(pose: np.ndarray) -> None:
    in_space = planar.to_se3(pose)
    np.testing.assert_allclose(in_space[:3, :3] @ in_space[:3, :3].T, np.eye(3), atol=1e-12)
    back = planar.from_se3(in_space)
    np.testing.assert_allclose(matrix(back), matrix(pose), atol=1e-9)


def test_heading_of_a_tilted_body_is_that_of_its_x_axis_seen_from_above() -> None:
    pitch = np.array([[np.cos(0.3), 0, np.sin(0.3)], [0, 1, 0], [-np.sin(0.3), 0, np.cos(0.3)]])
    map_T_base = planar.to_se3(np.array([1.0, 2.0, 0.7]))
    map_T_base[:3, :3] = map_T_base[:3, :3] @ pitch
    np.testing.assert_allclose(planar.from_se3(map_T_base), [1.0, 2.0, 0.7], atol=1e-12)


def test_planar_and_spatial_inverses_agree() -> None:
    batch = np.random.default_rng(1).normal(size=(5, 3))
    np.testing.assert_allclose(planar.to_se3(planar.inverse(batch)), se3.inverse(planar.to_se3(batch)), atol=1e-12)
