"""Choice of one odometry if several arrive on one topic, by their frames. Imports no ROS."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds without a message after which another odometry replaces the one in use.
SILENCE = 2.0


class OdometrySource:
    """Selects one odometry: that of the robot's base, or, if there is none, the first one.

    Two odometries differ in their origin or in the body that moves. In a mixture of both the robot would jump.

    Args:
        clock: returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: tuple[str, str] | None = None
        self._misfit, self._heard = 0, -float("inf")

    @property
    def used(self) -> str:
        """Frames of the odometry in use, for messages to the user."""
        return " -> ".join(repr(name) for name in self._used or ())

    def accepts(self, frame: str, child: str, *, odom: str, base: str) -> bool:
        """Return True if a message belongs to the odometry in use.

        Args:
            frame: ``frame_id`` of the message.
            child: ``child_frame_id`` of the message.
            odom: wanted frame of the odometry.
            base: wanted frame of the robot's base.
        """
        misfit = 2 * (child not in ("", base)) + (frame not in ("", odom))
        now = self._clock()
        other = self._used is not None and (frame, child) != self._used
        if other and misfit >= self._misfit and now - self._heard < SILENCE:
            return False
        self._used, self._misfit, self._heard = (frame, child), misfit, now
        return True
