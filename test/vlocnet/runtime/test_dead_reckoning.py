"""Poses between confirmed frames: carried on, less certain with the distance and the time, then withheld."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.errors import ConfigError
from localization_common.geometry import se3
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.perturbation import isotropic
from vlocnet_ros.runtime.camera_motion import CameraStep
from vlocnet_ros.runtime.dead_reckoning import DeadReckoning, ReckonedPose, ReckoningConfig
from vlocnet_ros.runtime.estimate import Health

SECOND = 1_000_000_000
START = se3.from_parts([3.0, -1.0, 0.5], [0.8, 0.3, -0.4, 0.33])
SMALL = isotropic(0.01, 0.005)


def ahead(metres: float, *, measured: bool = True) -> CameraStep:
    moved = np.eye(4)
    moved[2, 3] = metres
    return CameraStep(Motion(moved, SMALL), measured=measured)


def driven(metres: float, step: float = 0.05) -> ReckonedPose:
    """Return the pose after a drive straight ahead of so many metres in a second."""
    reckoning = DeadReckoning()
    reckoning.confirm(START, SMALL, 0)
    for _ in range(round(metres / step)):
        reckoning.move(ahead(step))
    return reckoning.at(SECOND)


def test_before_the_first_confirmed_frame_it_is_lost() -> None:
    reckoning = DeadReckoning()
    reckoning.move(ahead(1.0))
    found = reckoning.at(0)
    assert (found.health, found.reason) == (Health.LOST, "no frame was confirmed yet")


def test_a_confirmed_pose_is_moved_on_and_its_covariance_grows_with_the_path() -> None:
    near, far = driven(0.5), driven(2.0)
    np.testing.assert_allclose(far.map_T_camera, START @ ahead(2.0).motion.previous_T_camera, atol=1e-9)
    assert np.trace(near.covariance[:3, :3]) < np.trace(far.covariance[:3, :3])
    assert (np.linalg.eigvalsh(near.covariance - SMALL) > -1e-12).all()
    along = START[:3, 2]
    assert along @ far.covariance[:3, :3] @ along == pytest.approx(0.01**2 + (0.03 * 2.0) ** 2)


def test_errors_of_wheels_do_not_average_out() -> None:
    fine, coarse = driven(2.0, step=0.01), driven(2.0, step=0.5)
    np.testing.assert_allclose(fine.covariance, coarse.covariance, atol=1e-9)


def test_health_falls_with_the_distance() -> None:
    assert [driven(metres).health for metres in (0.0, 1.0, 4.0, 12.0)] == [
        Health.OK, Health.OK, Health.UNCERTAIN, Health.LOST,
    ]  # fmt: skip
    assert "4.0 m, 0 deg and 1.0 s since the last confirmed frame" in driven(4.0).reason
    assert driven(1.0).reason == ""


def test_a_published_pose_is_within_half_a_metre_at_the_drift_of_bad_wheels() -> None:
    """Use wheels that are off by 4 % and 0.02 rad/m, the worst that was measured in the simulator."""
    reckoning, true = DeadReckoning(), START.copy()
    reckoning.confirm(START, SMALL, 0)
    step = se3.exp(np.array([0.0, 0.0, 0.05, 0.0, 0.0, 0.0]))
    wheels = se3.exp(np.array([0.0, 0.0, 0.052, 0.0, 0.001, 0.0]))
    worst = 0.0
    for _ in range(400):
        true = true @ step
        reckoning.move(CameraStep(Motion(wheels, SMALL), measured=True))
        found = reckoning.at(SECOND)
        if found.health.published:
            worst = max(worst, float(np.linalg.norm(found.map_T_camera[:3, 3] - true[:3, 3])))
    assert found.health is Health.LOST
    assert 0.1 < worst < 0.5


def test_health_falls_with_turning_on_the_spot() -> None:
    reckoning, found = DeadReckoning(), []
    reckoning.confirm(START, SMALL, 0)
    quarter = CameraStep(Motion(se3.exp(np.array([0.0, 0.0, 0.0, 0.0, np.pi / 2, 0.0])), SMALL), measured=True)
    for _ in range(6):
        reckoning.move(quarter)
        found.append(reckoning.at(SECOND))
    assert [f.health for f in found] == [Health.OK] + [Health.UNCERTAIN] * 2 + [Health.LOST] * 3
    assert "180 deg" in found[1].reason


def test_health_falls_with_the_time() -> None:
    reckoning = DeadReckoning(ReckoningConfig(seconds=10.0))
    reckoning.confirm(START, SMALL, 100 * SECOND)
    reckoning.move(ahead(0.0))
    assert [reckoning.at(s * SECOND).health for s in (101, 110, 111, 99)] == [
        Health.OK, Health.OK, Health.LOST, Health.LOST,
    ]  # fmt: skip
    reckoning.confirm(START, SMALL, 111 * SECOND)
    assert reckoning.at(111 * SECOND).health is Health.OK


def test_assumed_motions_are_published_for_a_moment_only() -> None:
    reckoning = DeadReckoning()
    reckoning.confirm(START, SMALL, 0)
    still = CameraStep(Motion(np.eye(4), isotropic(0.1, 0.16)), measured=False)
    healths = []
    for frame in range(1, 4):
        reckoning.move(still)
        healths.append(reckoning.at(frame * SECOND // 5).health)
    assert healths == [Health.UNCERTAIN, Health.LOST, Health.LOST]


def test_without_a_motion_and_after_a_reset_the_pose_is_unknown() -> None:
    for forget in (lambda r: r.move(CameraStep(None, measured=False)), DeadReckoning.reset):
        reckoning = DeadReckoning()
        reckoning.confirm(START, SMALL, 0)
        forget(reckoning)
        assert reckoning.at(0).health is Health.LOST


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="not above published"):
        ReckoningConfig(certain=(0.1, 12.0), published=(0.2, 10.0))
    with pytest.raises(ConfigError, match="negative"):
        ReckoningConfig(seconds=-1.0)
