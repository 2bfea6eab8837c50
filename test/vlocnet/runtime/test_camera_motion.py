"""Motion of the camera between frames, measured by odometry or assumed."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.geometry import planar, se3
from vlocnet_ros.runtime.camera_motion import CameraMotion, OdometrySample

SECOND = 1_000_000_000
MOUNT = se3.BODY_T_OPTICAL.copy()
MOUNT[:3, 3] = (0.1, 0.0, 0.6)


def sample(x: float, yaw: float = 0.0, series: int = 0) -> OdometrySample:
    return OdometrySample(planar.to_se3(np.array([x, 0.0, yaw])) @ MOUNT, series)


def test_the_odometry_gives_the_motion_and_more_uncertainty_for_longer_ones() -> None:
    poses = {0: sample(0.0), 1: sample(0.1), 2: sample(0.5, 0.4)}
    motion = CameraMotion(poses.get)
    assert motion.step(0).motion is None
    steps = [motion.step(stamp) for stamp in (1, 2)]
    for step, (before, after) in zip(steps, [(0, 1), (1, 2)], strict=True):
        assert step.measured
        assert step.motion is not None
        expected = se3.inverse(poses[before].odom_T_camera) @ poses[after].odom_T_camera
        np.testing.assert_allclose(step.motion.previous_T_camera, expected, atol=1e-12)
    short, long = (np.sqrt(step.motion.covariance.diagonal()) for step in steps if step.motion is not None)
    assert (short[:3] > 0.003).all()
    assert (long > 2.0 * short).all()
    assert long[0] == pytest.approx(0.003 + 0.05 * np.linalg.norm(steps[1].motion.previous_T_camera[:3, 3]))


def test_without_odometry_the_camera_may_have_moved_in_any_direction() -> None:
    motion = CameraMotion(None)
    assert motion.step(0).motion is None
    step = motion.step(SECOND // 5)
    assert not step.measured
    assert step.motion is not None
    np.testing.assert_array_equal(step.motion.previous_T_camera, np.eye(4))
    np.testing.assert_allclose(np.sqrt(step.motion.covariance.diagonal()), [0.1] * 3 + [0.16] * 3)


@pytest.mark.parametrize(
    "stamps", [(0, 3 * SECOND), (SECOND, 0), (SECOND, SECOND)], ids=["long ago", "back in time", "the same time"]
)
def test_no_motion_is_assumed_over_a_gap(stamps: tuple[int, int]) -> None:
    motion = CameraMotion(None)
    assert [motion.step(stamp).motion for stamp in stamps] == [None, None]


def test_a_gap_in_the_odometry_and_a_new_series_give_no_measured_motion() -> None:
    poses = {0: sample(0.0), SECOND: sample(0.2), 3 * SECOND: sample(0.4), 4 * SECOND: sample(9.0, series=1)}
    motion = CameraMotion(poses.get)
    steps = [motion.step(second * SECOND) for second in range(5)]
    assert [step.measured for step in steps] == [False, True, False, False, False]
    assert all(step.motion is not None for step in steps[1:])
    motion.reset()
    assert motion.step(5 * SECOND).motion is None
