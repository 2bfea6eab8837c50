"""Rigid transforms against scipy's rotations, matrix inversion and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from localization_common.geometry import se3

angles = st.floats(-np.pi, np.pi)
seeds = st.integers(0, 2**32 - 1)


def transform(seed: int, scale: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    a_T_b = np.eye(4)
    a_T_b[:3, :3] = Rotation.random(random_state=seed).as_matrix()
    a_T_b[:3, 3] = rng.normal(0, scale, 3)
    return a_T_b


@given(seeds)
def test_parts_agree_with_scipy(seed: int) -> None:
    a_T_b = transform(seed)
    translation, quaternion = se3.to_parts(a_T_b)
    x, y, z, w = Rotation.from_matrix(a_T_b[:3, :3]).as_quat(canonical=True)
    assert quaternion[0] >= 0
    assert abs(quaternion @ (w, x, y, z)) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(se3.from_parts(translation, 7.0 * quaternion), a_T_b, atol=1e-9)


@pytest.mark.parametrize("quaternion", [[0, 0, 0, 0], [np.nan, 0, 0, 1], [np.inf, 0, 0, 0]])
def test_a_quaternion_without_direction_is_refused(quaternion: list[float]) -> None:
    with pytest.raises(ValueError, match="norm"):
        se3.from_parts([0, 0, 0], quaternion)


def test_inverse_is_that_of_the_matrix_for_batches_of_any_shape() -> None:
    batch = np.stack([transform(i) for i in range(6)]).reshape(2, 3, 4, 4)
    np.testing.assert_allclose(se3.inverse(batch), np.linalg.inv(batch), atol=1e-12)


@given(seeds, st.floats(0.0, np.pi))
def test_rotation_angle_is_the_rotation_vectors_length(seed: int, angle: float) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    rotation = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    assert se3.rotation_angle(rotation) == pytest.approx(angle, abs=1e-7)


def test_rotation_angle_keeps_small_angles() -> None:
    rotation = Rotation.from_rotvec([0.0, 1e-9, 0.0]).as_matrix()
    assert se3.rotation_angle(rotation) == pytest.approx(1e-9, rel=1e-6)


@given(seeds, st.floats(0.0, 1.0))
def test_interpolation_is_scipys_slerp(seed: int, fraction: float) -> None:
    a_T_b, a_T_c = transform(seed), transform(seed // 2 + 1)
    between = se3.interpolate(a_T_b, a_T_c, fraction)
    slerp = Slerp([0.0, 1.0], Rotation.from_matrix([a_T_b[:3, :3], a_T_c[:3, :3]]))
    np.testing.assert_allclose(between[:3, :3], slerp(fraction).as_matrix(), atol=1e-6)
    np.testing.assert_allclose(between[:3, 3], (1 - fraction) * a_T_b[:3, 3] + fraction * a_T_c[:3, 3], atol=1e-12)


def test_body_and_optical_frame_are_those_of_rep_103() -> None:
    right, down, forward = np.eye(3)
    np.testing.assert_array_equal(se3.BODY_R_OPTICAL @ forward, [1, 0, 0])
    np.testing.assert_array_equal(se3.BODY_R_OPTICAL @ right, [0, -1, 0])
    np.testing.assert_array_equal(se3.BODY_R_OPTICAL @ down, [0, 0, -1])


def test_nearest_rigid_removes_rounding_and_scale() -> None:
    exact = np.stack([transform(i) for i in range(4)])
    rounded = exact.copy()
    rounded[:, :3, :3] = np.round(exact[:, :3, :3], 4) * 0.9995
    rigid = se3.nearest_rigid(rounded)
    gram = rigid[:, :3, :3] @ np.swapaxes(rigid[:, :3, :3], 1, 2)
    np.testing.assert_allclose(gram, np.tile(np.eye(3), (4, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(rigid, exact, atol=2e-4)
    np.testing.assert_array_equal(rigid[:, :3, 3], exact[:, :3, 3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((slice(None, 3), slice(None, 3), 1.1), "no rotation"),
        ((slice(None, 3), 0, -1.0), "no rotation"),
        ((0, 3, np.nan), "NaN"),
        ((3, 3, 2.0), "last row"),
    ],
)
def test_nearest_rigid_refuses_matrices_that_are_no_transform(change: tuple, message: str) -> None:
    row, column, factor = change
    broken = transform(1)
    broken[row, column] *= factor
    with pytest.raises(ValueError, match=message):
        se3.nearest_rigid(broken)


def test_cross_matrices_of_one_and_of_many_vectors_give_cross_products():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 3))
    np.testing.assert_allclose(np.einsum("nij,nj->ni", se3.cross_matrix(a), b), np.cross(a, b), atol=1e-12)
    np.testing.assert_allclose(se3.cross_matrix(a[0]) @ b[0], np.cross(a[0], b[0]), atol=1e-12)
