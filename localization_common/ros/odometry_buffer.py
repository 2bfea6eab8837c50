"""The robot's odometry over the last seconds, interpolated to the stamps of images. No ROS in here."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.geometry import se3

Array = npt.NDArray[np.float64]


class OdometryError(InputError):
    """An image cannot be used because there is no odometry at its stamp."""


#: A stamp that goes back further than this is a clock that jumped; less is a message that came late.
JUMP = 1_000_000_000


class OdometryBuffer:
    """Poses odom_T_base over time; filled by a callback, read by the worker.

    Args:
        capacity: how many poses are kept; a bag that is replayed as fast as it goes runs far ahead of the images.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._stamps: list[int] = []
        self._poses: list[Array] = []
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, stamp: int, odom_T_base: Array) -> bool:
        """Append a pose; False if the clock jumped back and everything older was therefore forgotten."""
        with self._changed:
            jumped = bool(self._stamps) and stamp < self._stamps[-1] - JUMP
            if jumped:
                self._stamps, self._poses = [], []
            position = bisect.bisect_left(self._stamps, stamp)
            if position == len(self._stamps) or self._stamps[position] != stamp:
                self._stamps.insert(position, stamp)
                self._poses.insert(position, odom_T_base)
            excess = len(self._stamps) - self._capacity
            if excess > 0:
                del self._stamps[:excess], self._poses[:excess]
            self._changed.notify_all()
            return not jumped

    def forget_after(self, stamp: int) -> None:
        """Images jumped back to this stamp: poses from before the jump are forgotten, newer ones stay."""
        with self._changed:
            if self._stamps and self._stamps[-1] > stamp + JUMP:
                self._stamps, self._poses = [], []

    def latest(self) -> tuple[int, Array] | None:
        """Stamp and pose of the newest entry."""
        with self._changed:
            return (self._stamps[-1], self._poses[-1]) if self._stamps else None

    def at(self, stamp: int, timeout: float, give_up: Callable[[], bool] = lambda: False) -> Array:
        """odom_T_base (4, 4) at a stamp, interpolated; waits `timeout` seconds for odometry that is as new.

        Args:
            give_up: whether waiting has lost its point, because the node is about to stop.

        Raises:
            OdometryError: the odometry does not reach the stamp in time, or begins after it.
        """
        with self._changed:
            self._wait_for(stamp, timeout, give_up)
            if not self._stamps:
                raise OdometryError(f"no odometry within {timeout:.2f} s: is its topic right?")
            if self._stamps[-1] < stamp:
                late = (stamp - self._stamps[-1]) * 1e-9
                raise OdometryError(f"odometry ends {late:.3f} s before the image, also after {timeout:.2f} s")
            if self._stamps[0] > stamp:
                raise OdometryError(f"odometry begins {(self._stamps[0] - stamp) * 1e-9:.3f} s after the image")
            after = bisect.bisect_left(self._stamps, stamp)
            if self._stamps[after] == stamp:
                return self._poses[after]
            first, second = self._stamps[after - 1], self._stamps[after]
            return se3.interpolate(self._poses[after - 1], self._poses[after], (stamp - first) / (second - first))

    def _wait_for(self, stamp: int, timeout: float, give_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + timeout
        while not self._stamps or self._stamps[-1] < stamp:
            left = deadline - time.monotonic()
            if left <= 0.0 or give_up():
                return
            self._changed.wait(min(left, 0.2))
