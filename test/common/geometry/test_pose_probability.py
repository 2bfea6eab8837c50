"""Probability that a pose is near the true one: against draws of the errors."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.geometry.pose_probability import NEAR_A, NEAR_D, probability_near


@pytest.mark.parametrize(("std_d", "std_a"), [(0.01, 0.001), (0.1, 0.05), (0.3, 0.05), (2.0, 0.5)])
def test_it_is_the_share_of_the_errors_within_both_limits(std_d: float, std_a: float) -> None:
    covariance = np.diag([std_d**2, std_d**2, std_a**2])
    errors = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, 40_000)
    near = (np.hypot(errors[:, 0], errors[:, 1]) < NEAR_D) & (np.abs(errors[:, 2]) < NEAR_A)
    assert probability_near(covariance) == pytest.approx(near.mean(), abs=0.01)


def test_an_error_along_one_axis_is_not_underestimated() -> None:
    covariance = np.diag([0.3**2, 1e-6, 1e-6])
    errors = np.abs(0.3 * np.random.default_rng(0).standard_normal(40_000))
    assert 0.8 * (errors < NEAR_D).mean() < probability_near(covariance) < (errors < NEAR_D).mean()


def test_a_certain_pose_is_near() -> None:
    assert probability_near(np.zeros((3, 3))) == 1.0
