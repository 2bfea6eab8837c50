"""Tests of odometry that starts again at its origin: it is noticed, and no drive is taken for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from localization_common.geometry import planar
from localization_common.ros.odometry_buffer import OdometryBuffer, OdometryError
from localization_common.ros.timeline import StampVerdict

SECOND = 1_000_000_000
Array = np.ndarray


def filled(times: Array, poses: Array) -> OdometryBuffer:
    """Buffer with planar poses (N, 3) at times (N,) in seconds."""
    buffer = OdometryBuffer()
    for time, pose in zip(times, poses, strict=True):
        buffer.add(round((100.0 + time) * SECOND), planar.to_se3(pose))
    return buffer


def straight(times: Array, speed: float, start: float = 0.0) -> Array:
    """Poses (N, 3) of a drive along the x axis."""
    return np.stack([start + speed * times, 0.0 * times, 0.0 * times], axis=1)


def restarted(rate: float, end: tuple[float, float, float], gap: float, *, speed: float = 0.5) -> OdometryBuffer:
    """Odometry of a drive that ends at a pose, is silent for some seconds, and then begins at 0 with the robot at rest.

    Args:
        rate: Hz.
        end: last planar pose before the restart.
        gap: seconds without a message, in addition to the usual interval.
        speed: of the drive, m/s.
    """
    before = np.arange(-3.0, 1e-9, 1.0 / rate)
    after = 1.0 / rate * np.arange(1, 4) + gap
    yaw = end[2]
    back = np.stack([np.cos(yaw) * before, np.sin(yaw) * before, 0.0 * before], axis=1) * speed
    return filled(np.r_[before, after], np.r_[np.array(end) + back, np.zeros((3, 3))])


@pytest.mark.parametrize("rate", [1.0, 5.0, 20.0, 200.0])
@pytest.mark.parametrize("gap", [0.0, 0.6, 1.5, 8.0])
@pytest.mark.parametrize("end", [(3.0, 1.0, 0.4), (-9.0, 2.0, 3.0), (300.0, -40.0, 1.0)])
def test_odometry_that_starts_again_is_noticed(rate: float, gap: float, end: tuple[float, float, float]) -> None:
    buffer = restarted(rate, end, gap)
    assert buffer.restarts == 1
    assert len(buffer) == 3
    with pytest.raises(OdometryError, match="begins"):
        buffer.at(round((100.0 + gap / 2) * SECOND), 0.0)  # no interpolation across the restart


@pytest.mark.parametrize("end", [(0.3, 0.0, 0.0), (0.0, 0.1, 2.0)], ids=["near the origin", "only turned"])
def test_a_reset_near_the_origin_is_noticed_while_the_robot_stands(end: tuple[float, float, float]) -> None:
    assert restarted(20.0, end, 0.0, speed=0.0).restarts == 1


def test_the_origin_is_where_the_base_is_when_the_odometry_is_zero() -> None:
    buffer, origin = OdometryBuffer(), planar.to_se3(np.array([0.4, 0.0, 1.0]))
    for i in range(20):
        x = min(2.0 + 0.1 * i, 3.0)
        buffer.add(i * SECOND // 5, planar.to_se3(np.array([x, 0.0, 0.0])) @ origin, origin)
    for i in (30, 31):
        buffer.add(i * SECOND // 5, origin, origin)
    assert buffer.restarts == 1


def test_one_pose_at_the_origin_changes_nothing() -> None:
    """Check that a single wrong message, as of visual odometry that is lost, is left out."""
    times = np.arange(0.0, 4.0, 0.1)
    poses = straight(times, 0.5, 3.0)
    poses[20] = 0.0
    buffer = filled(times, poses)
    assert (buffer.restarts, len(buffer)) == (0, len(times) - 1)
    assert buffer.at(102 * SECOND, 0.0)[0, 3] == pytest.approx(4.0)


def test_two_odometries_in_turn_never_count_as_motion() -> None:
    """Mix two publishers with the same frames: one at 3 m, one at the origin."""
    buffer = OdometryBuffer()
    restarts, last, moved = 0, None, 0.0
    for i in range(200):
        buffer.add(i * SECOND // 20, planar.to_se3(np.array([3.0 if i < 20 or i // 3 % 2 else 0.0, 0.0, 0.0])))
        latest = buffer.latest()
        assert latest is not None
        if last is not None and buffer.restarts == restarts:
            moved += abs(latest[1][0, 3] - last)
        restarts, last = buffer.restarts, latest[1][0, 3]
    assert moved == 0.0


def turn_in_place(times: Array) -> Array:
    return np.stack([0.0 * times, 0.0 * times, planar.wrap_angle(3.0 * np.sin(0.8 * times))], axis=1)


def figure(times: Array) -> Array:
    """Poses (N, 3) of a robot that passes its origin again and again."""
    x, y = 3.0 * np.sin(0.3 * times), 3.0 * np.sin(0.6 * times)
    yaw = np.arctan2(1.8 * np.cos(0.6 * times), 0.9 * np.cos(0.3 * times))
    return np.stack([x, y, yaw - yaw[0]], axis=1)


def hard_braking(times: Array) -> Array:
    """Poses (N, 3) of a car that brakes from 30 m/s to a stop near its origin."""
    time = np.minimum(times, 3.5)
    return straight(30.0 * time - 0.5 * 8.57 * time**2 - 52.4, 1.0)


def slipping(times: Array) -> Array:
    """Poses (N, 3) by wheels that turn five times as fast for moments, from standing starts, about the origin."""
    speed = np.where(np.sin(2.0 * times) > 0.0, np.where(np.sin(9.0 * times) > 0.9, 2.5, 0.5), 0.0)
    return straight(np.cumsum(np.r_[0.0, np.diff(times)] * speed), 1.0, -6.0)


DRIVES: dict[str, Callable[[Array], Array]] = {
    "slow": lambda t: straight(t, 0.3, -4.57),
    "100 m/s": lambda t: straight(t, 100.0, -1503.0),
    "100 m/s and back": lambda t: straight(np.minimum(t, 30.0 - t), 100.0, -1004.0),
    "figure": figure,
    "turns": turn_in_place,
    "brakes": hard_braking,
    "slips": slipping,
    "coarse": lambda t: np.round(figure(t) / 0.1) * 0.1,
    "held": lambda t: figure(np.floor(t / 0.5) * 0.5),  # published more often than it is computed
    "stands": lambda t: np.random.default_rng(0).normal(0.0, [0.004, 0.004, 0.01], (len(t), 3)),
}


@pytest.mark.parametrize("drive", DRIVES)
@pytest.mark.parametrize("rate", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("lost", [0.0, 0.3, 3.0], ids=["all", "a third lost", "seconds lost"])
def test_no_drive_is_taken_for_a_restart(drive: str, rate: float, lost: float) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        times = np.arange(0.0, 30.0, 1.0 / rate)
        poses = DRIVES[drive](times)
        late = times + rng.uniform(0.0, min(0.08, 0.4 / rate), len(times))  # stamps are off
        kept = rng.uniform(size=len(times)) > 0.3 if lost == 0.3 else np.full(len(times), fill_value=True)
        if lost == 3.0:
            for start in rng.uniform(1.0, 26.0, 3):
                kept &= (times < start) | (times > start + rng.uniform(1.0, 4.0))
        buffer = filled(late[kept], poses[kept])
        assert (buffer.restarts, len(buffer)) == (0, int(kept.sum())), seed


def test_a_restart_after_a_leap_of_the_stamps_is_noticed_with_its_second_message() -> None:
    """Check a silence that is longer than the time that passed, as in a fast replay."""
    buffer = restarted(10.0, (3.0, 1.0, 0.4), 20.0)
    assert (buffer.restarts, len(buffer)) == (1, 3)


def test_a_clock_that_jumps_back_ends_the_doubt() -> None:
    buffer = filled(np.arange(10.0, 12.0, 0.1), straight(np.arange(0.0, 2.0, 0.1), 0.5, 3.0))
    assert buffer.add(round(112.1 * SECOND), np.eye(4)) is StampVerdict.FAR
    for time in (101.0, 101.1, 101.2):
        buffer.add(round(time * SECOND), planar.to_se3(np.array([0.1, 0.0, 0.0])))
    assert (buffer.restarts, len(buffer)) == (0, 3)
