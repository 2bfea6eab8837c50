"""Tests of odometry that is interpolated to the stamps of images."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from localization_common.geometry import planar
from localization_common.ros.odometry_buffer import OdometryBuffer, OdometryError
from localization_common.ros.odometry_source import OdometrySource
from localization_common.ros.timeline import StampVerdict

SECOND = 1_000_000_000


def at_x(x: float, yaw: float = 0.0) -> np.ndarray:
    return planar.to_se3(np.array([x, 0.0, yaw]))


@pytest.fixture
def buffer() -> OdometryBuffer:
    buffer = OdometryBuffer()
    for second in range(1, 4):
        buffer.add(second * SECOND, at_x(float(second), 0.2 * second))
    return buffer


def test_at_a_stamp_it_is_exact(buffer: OdometryBuffer) -> None:
    np.testing.assert_array_equal(buffer.at(2 * SECOND, 0.0), at_x(2.0, 0.4))


def test_between_stamps_it_is_interpolated(buffer: OdometryBuffer) -> None:
    found = planar.from_se3(buffer.at(int(2.25 * SECOND), 0.0))
    np.testing.assert_allclose(found, [2.25, 0.0, 0.45], atol=1e-12)


def test_waits_for_odometry_as_new_as_the_image(buffer: OdometryBuffer) -> None:
    found: list[np.ndarray] = []
    waiter = threading.Thread(target=lambda: found.append(buffer.at(int(3.5 * SECOND), 30.0)))
    waiter.start()
    buffer.add(int(3.2 * SECOND), at_x(3.2))
    buffer.add(4 * SECOND, at_x(4.0))
    waiter.join(5.0)
    assert found[0][0, 3] == pytest.approx(3.5)


def test_the_wait_ends_early_on_request(buffer: OdometryBuffer) -> None:
    stop = threading.Event()
    refused: list[str] = []

    def wait() -> None:
        try:
            buffer.at(9 * SECOND, 60.0, stop.is_set)
        except OdometryError as error:
            refused.append(str(error))

    waiter = threading.Thread(target=wait)
    waiter.start()
    stop.set()
    waiter.join(5.0)
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [(4 * SECOND, "ends 1.000 s before the image"), (0, "begins 1.000 s after the image")],
)
def test_never_extrapolates(buffer: OdometryBuffer, stamp: int, reason: str) -> None:
    with pytest.raises(OdometryError, match=reason):
        buffer.at(stamp, 0.0)


def test_missing_odometry_is_an_error() -> None:
    with pytest.raises(OdometryError, match="no odometry"):
        OdometryBuffer().at(SECOND, 0.0)


def test_late_messages_are_inserted_in_order(buffer: OdometryBuffer) -> None:
    assert buffer.add(int(2.5 * SECOND), at_x(9.0)) is StampVerdict.LATE
    assert buffer.at(int(2.5 * SECOND), 0.0)[0, 3] == 9.0
    assert buffer.latest() is not None
    assert buffer.latest()[0] == 3 * SECOND  # type: ignore[index]


def test_a_clock_that_jumps_back_clears_the_buffer(buffer: OdometryBuffer) -> None:
    """Check that two messages confirm a jump, and that both are used then."""
    assert buffer.add(SECOND // 2, at_x(7.0)) is StampVerdict.BACK
    assert len(buffer) == 3
    assert buffer.add(SECOND // 2 + 100, at_x(8.0)) is StampVerdict.JUMPED_BACK
    assert len(buffer) == 2
    assert buffer.at(SECOND // 2, 0.0)[0, 3] == 7.0


@pytest.mark.parametrize("wrong", [SECOND // 2, 3600 * SECOND, 0], ids=["back", "an hour ahead", "not stamped"])
def test_one_wrong_stamp_changes_nothing(buffer: OdometryBuffer, wrong: int) -> None:
    assert buffer.add(wrong, at_x(1000.0)).unconfirmed
    assert not buffer.reaches(4 * SECOND)
    assert buffer.add(4 * SECOND, at_x(4.0)) is StampVerdict.NEXT
    assert buffer.at(int(3.5 * SECOND), 0.0)[0, 3] == pytest.approx(3.5)


def test_the_error_of_different_clocks_has_both_topics_and_times() -> None:
    buffer = OdometryBuffer(topic="/wheels", images="/camera")
    buffer.add(1_700_000_000 * SECOND, at_x(0.0))
    with pytest.raises(OdometryError, match=r"different clocks.*/camera .*1795\.000 s.*/wheels 1700000000\.000 s"):
        buffer.at(1795 * SECOND, 0.0)


def test_images_that_jump_back_clear_the_old_loop_but_not_the_new_one(buffer: OdometryBuffer) -> None:
    buffer.forget_after(3 * SECOND)
    assert len(buffer) == 3  # odometry as new as the image is of the new loop
    buffer.forget_after(SECOND)
    assert len(buffer) == 0


def test_a_jump_that_is_too_fast_for_a_robot_is_left_out(buffer: OdometryBuffer) -> None:
    for stamp in (int(2.5 * SECOND), int(3.1 * SECOND), int(3.2 * SECOND)):
        assert buffer.add(stamp, at_x(1e6)) is StampVerdict.FAR
    assert buffer.add(4 * SECOND, at_x(4.0)) is StampVerdict.NEXT
    assert buffer.at(int(2.5 * SECOND), 0.0)[0, 3] == pytest.approx(2.5)
    assert buffer.restarts == 0


def test_odometry_that_stays_after_a_jump_starts_again(buffer: OdometryBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localization_common.ros.odometry_buffer.SILENCE", 0)
    assert buffer.add(4 * SECOND, at_x(1e6)) is StampVerdict.NEXT
    assert buffer.restarts == 1
    with pytest.raises(OdometryError, match="begins"):
        buffer.at(int(3.5 * SECOND), 0.0)  # no interpolation across the jump


def test_two_wrong_stamps_are_not_used_while_odometry_of_ros_time_arrives() -> None:
    now = 10_000 * SECOND
    buffer = OdometryBuffer(now=lambda: now)
    buffer.add(now - SECOND // 10, at_x(0.0))
    for stamp in (now - 3600 * SECOND, now - 3599 * SECOND, now + 3 * SECOND, now + 4 * SECOND, 0, 1):
        assert buffer.add(stamp, at_x(5.0)).unconfirmed
    assert buffer.add(now, at_x(1.0)) is StampVerdict.NEXT
    assert buffer.at(now - SECOND // 20, 0.0)[0, 3] == pytest.approx(0.5)


def test_odometry_between_wrong_stamps_is_found() -> None:
    """Mix two series; the first message is of the wrong one."""
    now = 10_000 * SECOND
    buffer = OdometryBuffer(now=lambda: now)
    for index in range(3):
        buffer.add(now - 3600 * SECOND + index * SECOND, at_x(5.0))
        buffer.add(now - (3 - index) * SECOND // 10, at_x(0.1 * index))
    assert buffer.reaches(now - SECOND // 10)
    assert buffer.at(now - SECOND // 10, 0.0)[0, 3] == pytest.approx(0.2)


def test_of_two_odometries_the_one_of_the_base_is_used() -> None:
    now = [0.0]
    source = OdometrySource(lambda: now[0])

    def accepts(frame: str, child: str) -> bool:
        return source.accepts(frame, child, odom="odom", base="base_link")

    assert accepts("odom", "wheel")  # the only odometry
    assert not accepts("world", "wheel")
    assert accepts("odom", "base_link")
    assert not accepts("odom", "wheel")
    assert accepts("odom", "base_link")
    now[0] = 3.0
    assert accepts("odom", "wheel")  # no message of the base's odometry for 3 s


def test_a_full_buffer_drops_the_oldest_poses() -> None:
    buffer = OdometryBuffer(capacity=2)
    for second in range(5):
        buffer.add(second * SECOND, at_x(float(second)))
    assert len(buffer) == 2
    with pytest.raises(OdometryError, match="begins"):
        buffer.at(2 * SECOND, 0.0)
