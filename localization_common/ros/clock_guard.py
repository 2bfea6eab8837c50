"""Time that goes back: a bag that loops, a simulator that starts anew, a driver that stamps wrongly."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node

from localization_common.errors import InputError

_NANOSECONDS = 1e9


class ClockGuard:
    """Watches image stamps and ROS time, and tells when either goes back.

    One jump is told once: by ROS time if it is noticed there before images arrive from after it, else by these.

    Args:
        node: whose clock is watched.
        submit: runs a job in the thread that calls `check`, between frames.
        waiting: whether frames wait for that thread: then they will tell of a jump.
        went_back: called in that thread with what happened and with the time from which to go on, nanoseconds.
    """

    def __init__(
        self,
        node: Node,
        *,
        submit: Callable[[Callable[[], None]], None],
        waiting: Callable[[], bool],
        went_back: Callable[[str, int], None],
    ) -> None:
        self._clock, self._waiting, self._went_back = node.get_clock(), waiting, went_back
        self._last_stamp: int | None = None

        def on_jump(jump: TimeJump) -> None:
            submit(lambda: self._ros_time_went_back(-jump.delta.nanoseconds))

        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jump_handle = self._clock.create_jump_callback(threshold, post_callback=on_jump)

    def reset(self) -> None:
        """Forget the last image: the next one may have any stamp."""
        self._last_stamp = None

    def check(self, stamp: int) -> None:
        """Compare an image's stamp (nanoseconds) with that of the one before.

        Raises:
            InputError: they are the same.
        """
        last = self._last_stamp
        if last is not None and stamp == last:
            raise InputError(f"two images have the same stamp {stamp}: does the driver stamp its images?")
        self._last_stamp = stamp
        if last is not None and stamp < last:
            self._went_back(f"image stamps went back by {(last - stamp) / _NANOSECONDS:.3f} s", stamp)

    def _ros_time_went_back(self, nanoseconds: int) -> None:
        now = self._clock.now().nanoseconds
        if self._last_stamp is not None and self._last_stamp > now and not self._waiting():
            self._last_stamp = None
            self._went_back(f"ROS time went back by {nanoseconds / _NANOSECONDS:.3f} s", now)
