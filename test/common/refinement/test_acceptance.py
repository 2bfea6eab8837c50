"""Acceptance of solved poses, and their covariance."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import CAMERA, MAP_T_SCENE

from localization_common.errors import ConfigError
from localization_common.refinement.acceptance import covariance, rejection, spread
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.pose_solver import PoseSolution

CONFIG = RefinementConfig()
#: Centres of the 4x3 parts of the image.
MIDDLES = CAMERA.rays(np.array([[40.0 + 80.0 * x, 40.0 + 80.0 * y] for y in range(3) for x in range(4)]))


def solution(inliers: int, outliers: int, chi2: float = 1.0) -> PoseSolution:
    agree = np.arange(inliers + outliers) < inliers
    return PoseSolution(MAP_T_SCENE, np.diag(10.0 * np.arange(1.0, 7.0)), agree, chi2)


def reason(inliers: int, outliers: int, rays: np.ndarray, needed: int = 12) -> str:
    return rejection(solution(inliers, outliers), rays, CAMERA, CONFIG, inliers=needed)


def test_enough_points_all_over_the_image_are_accepted() -> None:
    rays = np.concatenate([MIDDLES, MIDDLES])
    assert reason(12, 12, rays) == ""
    assert "11 points agree on a pose, 12 are needed" in reason(11, 13, rays)
    assert "12 points agree on a pose, 24 are needed" in reason(12, 12, rays, needed=24)
    assert "29% of the matches agree" in reason(12, 30, np.concatenate([MIDDLES] * 4)[:42])
    assert "fewer than 12" in rejection(None, rays, CAMERA, CONFIG, inliers=12)


def test_points_in_a_corner_are_rejected() -> None:
    assert "3 of 12 parts of the image, 4 are needed" in reason(12, 0, MIDDLES[[0, 1, 2] * 4])
    assert reason(12, 0, MIDDLES[[0, 1, 2, 5] * 3]) == ""


def test_parts_of_the_image() -> None:
    assert spread(MIDDLES, CAMERA) == 12
    assert spread(MIDDLES[:1], CAMERA) == 1
    assert spread(MIDDLES[:0], CAMERA) == 0
    assert spread(CAMERA.rays(np.array([[-0.5, -0.5], [319.5, 239.5]])), CAMERA) == 2


def test_covariance_is_scaled_by_residuals_and_holds_the_correction() -> None:
    own = np.diag(0.1 / np.arange(1.0, 7.0))
    none = np.zeros((6, 6))
    np.testing.assert_allclose(covariance(solution(12, 0, 0.5), none), 0.5 * own)
    np.testing.assert_allclose(covariance(solution(12, 0, 1e-6), none), 0.05 * own)
    np.testing.assert_allclose(covariance(solution(12, 0, 3.0), none), 3.0 * own)
    # An error along the camera's optical axis has the same direction in the map.
    correction = np.diag([0.0, 0.0, 0.04, 0.0, 0.0, 0.0])
    axis = MAP_T_SCENE[:3, 2]
    np.testing.assert_allclose(
        covariance(solution(12, 0), correction)[:3, :3], own[:3, :3] + 0.04 * np.outer(axis, axis)
    )


def test_configurations_are_checked() -> None:
    for wrong in ({"inliers": 5}, {"share": 0.0}, {"gate": 0.0}, {"view_scale": 1.0}, {"least_noise": 0.0}):
        with pytest.raises(ConfigError):
            RefinementConfig(**wrong)


def test_points_that_leave_a_motion_free_confirm_nothing() -> None:
    rays = np.concatenate([MIDDLES, MIDDLES])
    assert reason(24, 0, rays) == ""
    free = PoseSolution(MAP_T_SCENE, np.diag([1e4, 1e4, 1.0, 1e4, 1e4, 1e4]), np.ones(24, dtype=np.bool_), 1.0)
    assert "free" in rejection(free, rays, CAMERA, CONFIG, inliers=12)
