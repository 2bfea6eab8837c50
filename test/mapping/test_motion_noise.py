"""Tests of the noise of odometry."""

from __future__ import annotations

import numpy as np
from made_room import shifted

from localization_mapping.motion_noise import MotionNoise


def test_noise_grows_with_the_motion() -> None:
    still, ahead, turn = (MotionNoise().covariance(shifted(x, 0.0, d)) for x, d in ((0, 0), (1.0, 0), (0, 90.0)))
    assert (np.diag(still) > 0.0).all()  # a motion of zero has noise: the factor has an inverse
    assert ahead[0, 0] > 100 * still[0, 0]
    assert turn[5, 5] > 100 * still[5, 5]


def test_robot_on_wheels_stays_in_the_plane() -> None:
    covariance = MotionNoise().covariance(shifted(0.5, 0.0, 20.0))
    assert np.diag(covariance)[[2, 3, 4]].max() < 0.05 * np.diag(covariance)[[0, 1, 5]].min()


def test_scaled_noise() -> None:
    motion = shifted(0.5, 0.1, 20.0)
    ratio = np.diag(MotionNoise().scaled(2.0, 3.0).covariance(motion)) / np.diag(MotionNoise().covariance(motion))
    np.testing.assert_allclose(ratio, [4.0, 4.0, 1.0, 1.0, 1.0, 9.0])
