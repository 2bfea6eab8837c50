"""Odometry of the base from motions of the camera, against closed forms and sampling."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from localization_common.geometry import planar, se3
from localization_common.geometry.odometry_integration import (
    OdometryIntegrator,
    PlanarOdometry,
    base_covariance,
    rotate_covariance,
    shift_covariance,
)

SECOND = 1_000_000_000
BASE_T_CAMERA = np.eye(4)
BASE_T_CAMERA[:3, :3] = se3.BODY_R_OPTICAL
BASE_T_CAMERA[:3, 3] = (0.3, -0.1, 0.6)


def transform(rotation_vector: np.ndarray, translation: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotation_vector).as_matrix()
    matrix[:3, 3] = translation
    return matrix


def random_covariance(rng: np.random.Generator, scale: float) -> np.ndarray:
    root = rng.normal(size=(6, 6)) * scale
    return root @ root.T


def circle(steps: int, radius: float = 2.0) -> list[np.ndarray]:
    """Poses of a base that drives a full circle to the left."""
    angles = np.linspace(0.0, 2.0 * np.pi, steps + 1)
    return [planar.to_se3(np.array([radius * np.sin(a), radius * (1 - np.cos(a)), a])) for a in angles]


def test_a_circle_closes_and_follows_the_base_not_the_camera() -> None:
    integrator = OdometryIntegrator()
    truth = circle(36)
    for number, pose in enumerate(truth):
        motion = None
        if number:
            cameras = truth[number - 1] @ BASE_T_CAMERA, pose @ BASE_T_CAMERA
            motion = np.linalg.inv(cameras[0]) @ cameras[1]
        sample = integrator.step(number * SECOND, motion, None, BASE_T_CAMERA)
        np.testing.assert_allclose(sample.odom_T_base, pose, atol=1e-9)
    np.testing.assert_allclose(sample.odom_T_base, np.eye(4), atol=1e-9)


def test_twist_is_the_velocity_in_the_base_frame() -> None:
    """Drive a circle of 2 m in 36 s: 0.349 m/s ahead, 0.175 rad/s to the left, nothing sideways."""
    integrator = OdometryIntegrator()
    truth = circle(36)
    motion = np.linalg.inv(truth[0] @ BASE_T_CAMERA) @ truth[1] @ BASE_T_CAMERA
    first = integrator.step(0, None, None, BASE_T_CAMERA)
    second = integrator.step(SECOND, motion, np.eye(6) * 0.01, BASE_T_CAMERA)
    np.testing.assert_array_equal(first.twist, np.zeros(6))
    rate = 2.0 * np.pi / 36.0
    np.testing.assert_allclose(second.twist, [2.0 * rate, 0.0, 0.0, 0.0, 0.0, rate], atol=1e-9)
    half_as_long = OdometryIntegrator()
    half_as_long.step(0, None, None, BASE_T_CAMERA)
    faster = half_as_long.step(SECOND // 2, motion, np.eye(6) * 0.01, BASE_T_CAMERA)
    np.testing.assert_allclose(faster.twist, 2.0 * second.twist, atol=1e-12)
    np.testing.assert_allclose(faster.twist_covariance, 4.0 * second.twist_covariance, atol=1e-12)


def test_a_frame_without_motion_keeps_the_pose() -> None:
    integrator = OdometryIntegrator()
    integrator.step(0, None, None, BASE_T_CAMERA)
    moved = integrator.step(SECOND, transform(np.array([0.1, 0.2, 0.3]), np.ones(3)), np.eye(6), BASE_T_CAMERA)
    kept = integrator.step(2 * SECOND, None, None, BASE_T_CAMERA)
    np.testing.assert_array_equal(kept.odom_T_base, moved.odom_T_base)
    np.testing.assert_array_equal(kept.covariance, moved.covariance)
    np.testing.assert_array_equal(kept.twist, np.zeros(6))
    integrator.reset()
    np.testing.assert_array_equal(integrator.step(0, None, None, BASE_T_CAMERA).odom_T_base, np.eye(4))


def test_rotations_stay_rotations_over_thousands_of_frames() -> None:
    integrator = OdometryIntegrator()
    motion = transform(np.array([0.01, -0.02, 0.03]), np.array([0.01, 0.0, 0.02]))
    for number in range(500):
        sample = integrator.step(number, motion, None, BASE_T_CAMERA)
    rotation = sample.odom_T_base[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-13)


def test_covariance_is_that_of_many_noisy_drives() -> None:
    """Disturb each camera motion by its covariance; the spread of the end poses must be the reported covariance."""
    rng = np.random.default_rng(0)
    covariance = random_covariance(rng, 0.004)
    motions = [transform(rng.normal(size=3) * 0.2, rng.normal(size=3) * 0.5) for _ in range(6)]
    root = np.linalg.cholesky(covariance)

    def drive(noisy: bool) -> tuple[np.ndarray, np.ndarray]:
        integrator = OdometryIntegrator()
        integrator.step(0, None, None, BASE_T_CAMERA)
        for number, motion in enumerate(motions):
            error = root @ rng.normal(size=6) if noisy else np.zeros(6)
            disturbed = transform(error[3:], np.zeros(3)) @ motion
            disturbed[:3, 3] = motion[:3, 3] + error[:3]
            sample = integrator.step((number + 1) * SECOND, disturbed, covariance, BASE_T_CAMERA)
        return sample.odom_T_base, sample.covariance

    truth, reported = drive(False)
    errors = []
    for _ in range(400):
        end, _ = drive(True)
        turned = Rotation.from_matrix(end[:3, :3] @ truth[:3, :3].T).as_rotvec()
        errors.append(np.concatenate([end[:3, 3] - truth[:3, 3], turned]))
    sampled = np.cov(np.array(errors).T)
    scale = np.sqrt(np.outer(np.diag(reported), np.diag(reported)))
    np.testing.assert_allclose(sampled / scale, reported / scale, atol=0.2)


def test_covariance_grows_with_every_motion() -> None:
    integrator = OdometryIntegrator()
    motion, noise = transform(np.array([0.0, 0.05, 0.0]), np.array([0.0, 0.0, 0.3])), np.eye(6) * 1e-4
    traces = [np.trace(integrator.step(i * SECOND, motion, noise, BASE_T_CAMERA).covariance) for i in range(10)]
    assert (np.diff(traces) > 0.0).all()


def test_covariance_of_the_base_from_that_of_the_camera() -> None:
    """Test a mast of 2 m: an error of 0.1 rad in the camera's pitch moves the foot by 0.2 m along x."""
    base_T_camera = np.eye(4)
    base_T_camera[2, 3] = 2.0
    covariance = np.zeros((6, 6))
    covariance[4, 4] = 0.01  # about the map's y axis
    found = base_covariance(covariance, np.eye(4), base_T_camera)
    np.testing.assert_allclose(np.diag(found), [0.04, 0.0, 0.0, 0.0, 0.01, 0.0], atol=1e-12)
    assert found[0, 4] == pytest.approx(-0.02)


def test_base_covariance_is_that_of_sampled_poses() -> None:
    rng = np.random.default_rng(1)
    map_T_camera = transform(rng.normal(size=3), rng.normal(size=3))
    covariance = random_covariance(rng, 0.005)
    root = np.linalg.cholesky(covariance)
    truth = map_T_camera @ se3.inverse(BASE_T_CAMERA)
    errors = rng.normal(size=(20000, 6)) @ root.T
    turned = Rotation.from_rotvec(errors[:, 3:]) * Rotation.from_matrix(map_T_camera[:3, :3])
    bases = map_T_camera[:3, 3] + errors[:, :3] + turned.apply(se3.inverse(BASE_T_CAMERA)[:3, 3])
    sampled = np.cov(np.concatenate([bases - truth[:3, 3], errors[:, 3:]], axis=1).T)
    reported = base_covariance(covariance, map_T_camera, BASE_T_CAMERA)
    scale = np.sqrt(np.outer(np.diag(reported), np.diag(reported)))
    np.testing.assert_allclose(sampled / scale, reported / scale, atol=0.05)


def test_shifting_there_and_back_is_the_identity() -> None:
    rng = np.random.default_rng(2)
    covariance, lever = random_covariance(rng, 1.0), rng.normal(size=3)
    np.testing.assert_allclose(shift_covariance(shift_covariance(covariance, lever), -lever), covariance, atol=1e-9)


def test_rotating_swaps_axes() -> None:
    quarter = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    rotated = rotate_covariance(np.diag([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), quarter)
    np.testing.assert_allclose(np.diag(rotated), [2.0, 1.0, 3.0, 5.0, 4.0, 6.0], atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-5, 0.3, 3.0])
def test_log_is_the_inverse_of_the_matrix_exponential(angle: float) -> None:
    x, y, z = omega = angle * np.array([0.6, 0.0, 0.8])
    generator = np.zeros((4, 4))
    generator[:3, :3] = [[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]]
    generator[:3, 3] = (1.0, -2.0, 0.5)
    np.testing.assert_allclose(se3.log(expm(generator)), [1.0, -2.0, 0.5, *omega], atol=1e-7)


def test_planar_odometry_of_a_flat_drive_is_the_drive() -> None:
    flat = PlanarOdometry()
    for pose in circle(20):
        expected = planar.from_se3(pose)
        found = flat.step(pose)
        np.testing.assert_allclose(found[:2], expected[:2], atol=1e-9)
        assert abs(planar.wrap_angle(found[2] - expected[2])) < 1e-9


def test_planar_odometry_does_not_shrink_when_the_odometry_tilts() -> None:
    """Drive ten steps of 1 m ahead, while the integrated pitch drifts by 60 degrees: 10 m on the floor."""
    flat, pose = PlanarOdometry(), np.eye(4)
    pose[:3, :3] = Rotation.from_euler("y", 60, degrees=True).as_matrix()
    flat.step(pose)
    for _ in range(10):
        pose = pose @ transform(np.zeros(3), np.array([1.0, 0.0, 0.0]))
        found = flat.step(pose)
    np.testing.assert_allclose(found, [10.0, 0.0, 0.0], atol=1e-9)


def test_planar_odometry_starts_anew_after_a_reset() -> None:
    flat = PlanarOdometry()
    flat.step(planar.to_se3(np.array([5.0, 1.0, 0.3])))
    flat.step(planar.to_se3(np.array([6.0, 1.0, 0.3])))
    flat.reset()
    np.testing.assert_array_equal(flat.step(planar.to_se3(np.array([9.0, 9.0, 1.0]))), np.zeros(3))
