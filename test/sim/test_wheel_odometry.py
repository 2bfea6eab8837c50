"""Tests of wheel odometry: exact without noise, with a plausible drift otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from localization_common.errors import ConfigError
from localization_common.geometry import planar
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.drive_paths import TIME_STEP, Trajectory, plan_drive
from localization_sim.wheel_odometry import WheelNoise, measure

SILENT = WheelNoise(scale=0.0, speed=0.0, slip_share=0.0)


@pytest.fixture(scope="module")
def drive(apartment: Apartment) -> Trajectory:
    return plan_drive(apartment, "test")


def from_start(drive: Trajectory) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return planar.relative(drive.poses[:1], drive.poses)


def test_without_noise_it_is_the_true_motion(drive: Trajectory) -> None:
    measured = measure(drive, 0, SILENT)
    truth = from_start(drive)
    np.testing.assert_allclose(measured.odom.poses[:, :2], truth[:, :2], atol=0.02)
    np.testing.assert_allclose(planar.wrap_angle(measured.odom.poses[:, 2] - truth[:, 2]), 0.0, atol=1e-9)


def test_twist_is_the_speed_of_the_body(drive: Trajectory) -> None:
    measured = measure(drive, 0, SILENT)
    middle = len(drive.times) // 2
    way = np.linalg.norm(drive.poses[middle + 1, :2] - drive.poses[middle, :2]) / TIME_STEP
    turn = (drive.poses[middle + 1, 2] - drive.poses[middle, 2]) / TIME_STEP
    np.testing.assert_allclose(measured.twist_at(float(drive.times[middle])), (way, turn), atol=0.01)


def test_constant_scale_error_gives_the_circle_of_two_unequal_wheels() -> None:
    """Drive 10 m straight ahead: wheels that differ by 1 % give an arc with a closed form."""
    times = np.arange(0, 25.0, TIME_STEP)
    straight = Trajectory(times, np.column_stack([0.4 * times, np.zeros_like(times), np.zeros_like(times)]))
    noise = WheelNoise(scale=0.01, speed=0.0, slip_share=0.0)
    random = np.random.default_rng(7)
    left = 1.0 + 0.01 * random.standard_normal()
    random.exponential(2 * noise.slip_interval)
    measured = measure(straight, 7, noise)
    length = 0.4 * times[-1]
    # The factor of each wheel is drawn first; compute the other from the reported heading and check the path.
    heading = measured.odom.poses[-1, 2]
    right = left + heading * noise.track / length
    radius = length * (left + right) / 2 / heading
    expected = (radius * np.sin(heading), radius * (1 - np.cos(heading)))
    np.testing.assert_allclose(measured.odom.poses[-1, :2], expected, atol=1e-3)
    assert abs(heading) > 1e-3


def test_drift_is_a_few_percent_of_the_distance(drive: Trajectory) -> None:
    length = np.linalg.norm(np.diff(drive.poses[:, :2], axis=0), axis=1).sum()
    truth = from_start(drive)
    errors = []
    for seed in range(30):
        odom = measure(drive, seed).odom.poses
        errors.append(np.linalg.norm(odom[:, :2] - truth[:, :2], axis=1).max() / length)
    assert 0.005 < np.median(errors) < 0.06
    assert max(errors) < 0.25
    assert min(errors) > 1e-4


def test_errors_grow_with_the_factor(drive: Trajectory) -> None:
    truth = measure(drive, 3, SILENT).odom.poses[:, 2]
    once = measure(drive, 3).odom.poses[:, 2] - truth
    for factor in (0.0, 0.5, 5.0):
        several = measure(drive, 3, WheelNoise().times(factor)).odom.poses[:, 2] - truth
        # The heading is linear in all errors of the wheels, slips included.
        np.testing.assert_allclose(several, factor * once, atol=1e-9)
    assert np.abs(once).max() > 0.01
    assert WheelNoise().times(1.0) == WheelNoise()


@pytest.mark.parametrize("factor", [-1.0, np.inf, np.nan])
def test_a_factor_that_is_no_size_is_refused(factor: float) -> None:
    with pytest.raises(ConfigError, match="give a number from 0"):
        WheelNoise().times(factor)


def test_slip_comes_in_short_bursts_as_often_as_it_should(drive: Trajectory) -> None:
    noise = replace(SILENT, slip_share=0.3, slip_interval=15.0)
    truth = measure(drive, 0, SILENT).twists
    seconds, starts = 0.0, 0
    for seed in range(40):
        wrong = np.abs(measure(drive, seed, noise).twists - truth).max(axis=1) > 1e-6
        starts += int((np.diff(wrong.astype(int)) == 1).sum())
        seconds += drive.duration
    # Slips while standing show nothing, so a few less than one every 15 s.
    assert 12.0 < seconds / starts < 28.0


def test_seeds_are_reproducible_and_differ(drive: Trajectory) -> None:
    first, again, other = measure(drive, 1), measure(drive, 1), measure(drive, 2)
    np.testing.assert_array_equal(first.odom.poses, again.odom.poses)
    assert np.abs(first.odom.poses - other.odom.poses).max() > 0.01
