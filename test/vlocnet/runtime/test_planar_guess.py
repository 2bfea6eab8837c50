"""Guess of the camera's pose from a planar pose of the base."""

from __future__ import annotations

import numpy as np

from localization_common.geometry import planar, se3
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.runtime.planar_guess import planar_guess

MOUNT = se3.BODY_T_OPTICAL.copy()
MOUNT[:3, 3] = (0.4, 0.1, 0.6)


def test_pose_and_covariance_are_those_of_the_camera() -> None:
    mean, deviations = np.array([1.0, -2.0, 0.7]), np.array([0.1, 0.2, 0.1])
    guess = planar_guess(mean, np.diag(deviations**2), MOUNT)
    np.testing.assert_allclose(guess.map_T_camera, planar.to_se3(mean) @ MOUNT)
    drawn = mean + np.random.default_rng(0).normal(size=(4000, 3)) * deviations
    cameras = np.stack([planar.to_se3(pose) @ MOUNT for pose in drawn])
    errors = twist_errors(cameras, np.repeat(guess.map_T_camera[None], len(cameras), axis=0))
    np.testing.assert_allclose(np.cov(errors.T), guess.covariance, atol=3e-3)
