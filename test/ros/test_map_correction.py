"""Tests of the correction of the odometry: spread while driving, steady while standing, one jump to relocalise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from localization_common.geometry import se3
from localization_common.ros.map_correction import MapCorrection

Array = npt.NDArray[np.float64]
SECOND = 1_000_000_000
SPEED, TURNING = 0.1, 0.2


def planar(x: float, y: float = 0.0, yaw: float = 0.0) -> Array:
    return se3.from_parts([x, y, 0.0], [np.cos(yaw / 2.0), 0.0, 0.0, np.sin(yaw / 2.0)])


class Tracker:
    """Robot with odometry from a distant origin; poses are true, or have an error that a test gives."""

    def __init__(self, hertz: float = 10.0, ahead: float = 0.0) -> None:
        self.correction, self.period, self.stamp = MapCorrection(), 1.0 / hertz, SECOND
        self.ahead = ahead
        self.true_T_odom = planar(3.0, -40.0, 0.7)
        self.odom_T_base = planar(25.0, 10.0, -1.0)
        self.sent: list[Array] = []

    def step(self, off: Array | None = None, *, speed: float = 0.3) -> tuple[float, float] | None:
        """Drive for a period; the pose has the error ``off`` (4, 4) in the map. Return the reported jump."""
        self.stamp += round(self.period * SECOND)
        self.odom_T_base = self.odom_T_base @ planar(speed * self.period)
        pose = self.true_T_odom @ self.odom_T_base
        if off is not None:
            pose = se3.from_parts(pose[:3, 3] + off[:3, 3], se3.to_parts(off @ pose)[1])
        limits = {"speed": SPEED, "turning": TURNING, "ahead": self.ahead}
        found = self.correction.next(self.stamp, pose, self.odom_T_base, **limits)
        self.sent.append(found.map_T_odom)
        return found.jump

    @property
    def at_base(self) -> Array:
        """Pose (4, 4) of the base with the correction that was sent last."""
        return self.sent[-1] @ self.odom_T_base

    @property
    def error(self) -> tuple[float, float]:
        """Distance and angle between this and the true pose."""
        off = se3.inverse(self.true_T_odom @ self.odom_T_base) @ self.at_base
        return float(np.linalg.norm(off[:3, 3])), float(se3.rotation_angle(off[:3, :3]))


def test_a_correction_while_driving_is_spread_at_the_bounded_speed():
    tracker = Tracker()
    for _ in range(20):
        tracker.step()
    assert max(tracker.error) < 1e-9
    tracker.true_T_odom = planar(0.0, 0.3) @ tracker.true_T_odom
    errors = [0.3]
    for _ in range(40):
        assert tracker.step() is None
        errors.append(tracker.error[0])
    steps = -np.diff(errors)
    np.testing.assert_allclose(steps[:29], SPEED * tracker.period, rtol=1e-6)
    assert errors[31] < 1e-9


def test_a_turn_is_spread_and_does_not_move_a_robot_far_from_the_origin():
    tracker = Tracker()
    tracker.step()
    turned = planar(0.0, 0.0, 0.3)
    tracker.true_T_odom = (
        planar(*(tracker.true_T_odom @ tracker.odom_T_base)[:2, 3])
        @ turned
        @ planar(*-(tracker.true_T_odom @ tracker.odom_T_base)[:2, 3])
        @ tracker.true_T_odom
    )
    for i in range(1, 10):
        tracker.step(speed=0.2)
        assert tracker.error[1] == pytest.approx(0.3 - i * TURNING * tracker.period, abs=1e-6)
        assert tracker.error[0] < 0.02
    for _ in range(10):
        tracker.step(speed=0.2)
    assert max(tracker.error) < 1e-9


@pytest.mark.parametrize("noise", [0.002, 0.02])
def test_a_robot_that_stands_for_a_minute_does_not_move(noise: float):
    tracker, random = Tracker(), np.random.default_rng(1)

    def pose_noise() -> Array:
        return planar(*(noise * random.standard_normal(2)), 0.5 * noise * random.standard_normal())

    for _ in range(30):
        tracker.step(pose_noise())
    tracker.step(pose_noise(), speed=0.0)
    before = tracker.sent[-1]
    for _ in range(600):
        assert tracker.step(pose_noise(), speed=0.0) is None
    moved = se3.inverse(before) @ tracker.sent[-1]
    assert np.linalg.norm(moved[:3, 3]) < 1e-3
    assert np.degrees(se3.rotation_angle(moved[:3, :3])) < 0.05


def test_odometry_that_creeps_while_standing_counts_as_standing():
    tracker = Tracker()
    tracker.step()
    for _ in range(5):
        tracker.step(planar(0.02), speed=0.003)
    assert np.abs(tracker.sent[-1] - tracker.sent[0]).max() < 1e-9


def test_a_slow_robot_is_corrected():
    tracker = Tracker(hertz=30.0)
    tracker.step(planar(0.1))
    for _ in range(60):
        tracker.step(speed=0.03)
    assert tracker.error[0] < 1e-9


def test_a_wrong_start_is_corrected_although_the_robot_stands():
    tracker = Tracker()
    tracker.step(planar(0.3), speed=0.0)
    for _ in range(100):
        assert tracker.step(speed=0.0) is None
    assert tracker.error[0] < 0.01
    assert max(np.linalg.norm(np.diff(np.stack(tracker.sent), axis=0)[:, :3, 3], axis=1)) <= 1.01 * SPEED * 0.1


@pytest.mark.parametrize("off", [planar(0.6), planar(0.0, 0.0, 0.6)])
def test_a_relocalisation_jumps_once_and_is_reported(off: Array):
    tracker = Tracker()
    tracker.step(off)
    distance, angle = tracker.step() or (0.0, 0.0)
    assert distance > 0.5 or angle > 0.5
    assert max(tracker.error) < 1e-9
    assert tracker.step() is None


def test_a_pose_that_a_user_set_is_used_in_full():
    tracker = Tracker()
    assert tracker.step(planar(0.2)) is None
    tracker.correction.relocalize()
    assert tracker.step() is not None
    assert max(tracker.error) < 1e-9
    assert tracker.step(planar(0.2)) is None
    assert tracker.error[0] < 0.02


def test_a_gap_of_the_poses_does_not_end_in_a_jump():
    tracker = Tracker()
    tracker.step()
    tracker.stamp += 20 * SECOND
    tracker.step(planar(0.4))
    assert tracker.error[0] <= SPEED * 1.0 + 1e-9


def test_without_a_bound_every_pose_is_used_in_full():
    tracker = Tracker()
    for x in (0.0, 0.2, 0.4):
        found = tracker.correction.next(tracker.stamp, planar(x), np.eye(4), speed=0.0, turning=TURNING)
        np.testing.assert_allclose(found.map_T_odom, planar(x))


def test_a_stop_at_a_wrong_pose_does_not_move_the_robot_at_the_next_stop():
    tracker = Tracker()
    for _ in range(10):
        tracker.step()
    for _ in range(20):  # the mean offset shows that the pose is wrong: it is being corrected when the robot drives on
        tracker.step(planar(0.12), speed=0.0)
    for _ in range(200):
        tracker.step()
    noise = np.random.default_rng(0).normal(scale=0.01, size=(100, 2))
    for x, y in noise[:2]:
        tracker.step(planar(x, y), speed=0.0)
    stopped = tracker.at_base
    for x, y in noise:
        tracker.step(planar(x, y), speed=0.0)
        assert np.linalg.norm(tracker.at_base[:3, 3] - stopped[:3, 3]) < 1e-3


@pytest.mark.parametrize("drive", [0.3, 1.0])
@pytest.mark.parametrize("ahead", [0.3, 1.0])
def test_the_speed_is_bounded_where_the_robot_uses_a_transform_that_is_dated_ahead(drive: float, ahead: float):
    """Turn the true heading by 0.3 rad, about the robot; each correction is in use ``ahead`` seconds later."""
    tracker = Tracker(ahead=ahead)
    for _ in range(10):
        tracker.step(speed=drive)
    base = tracker.true_T_odom @ tracker.odom_T_base
    turned = planar(*base[:2, 3]) @ planar(0.0, 0.0, 0.3) @ planar(*-base[:2, 3])
    tracker.true_T_odom = turned @ tracker.true_T_odom
    speeds = []
    for _ in range(40):
        tracker.step(speed=drive)
        later = tracker.odom_T_base @ planar(drive * ahead)
        before, after = (sent @ later for sent in tracker.sent[-2:])
        speeds.append(np.linalg.norm(after[:3, 3] - before[:3, 3]) / tracker.period)
    assert max(speeds) < 1.02 * SPEED
    assert tracker.error[1] < 0.3 - 0.04 * 4


def test_a_pose_that_is_used_in_full_is_reported_if_it_is_far_off():
    tracker = Tracker()
    tracker.step()
    pose = planar(2.0) @ tracker.true_T_odom @ tracker.odom_T_base
    found = tracker.correction.next(tracker.stamp + 1, pose, tracker.odom_T_base, speed=0.0, turning=0.0)
    assert found.jump == pytest.approx((2.0, 0.0), abs=1e-6)
    near = planar(2.1) @ tracker.true_T_odom @ tracker.odom_T_base
    found = tracker.correction.next(tracker.stamp + 2, near, tracker.odom_T_base, speed=0.0, turning=0.0)
    assert found.jump is None
    np.testing.assert_allclose(found.map_T_odom @ tracker.odom_T_base, near, atol=1e-9)
