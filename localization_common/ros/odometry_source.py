"""One of several odometries that come on one topic, by their frames. No ROS in here."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Seconds of silence after which another odometry takes the place of the one that was used.
SILENCE = 2.0


class OdometrySource:
    """Keeps to one odometry: that of the robot's base, or where that does not come, the first one.

    Two odometries differ in their origin or in what moves. A mixture of them is a robot that leaps to and fro.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: tuple[str, str] | None = None
        self._misfit, self._heard = 0, -float("inf")

    @property
    def used(self) -> str:
        """Frames of the odometry that is used, for messages to the user."""
        return " -> ".join(repr(name) for name in self._used or ())

    def accepts(self, frame: str, child: str, *, odom: str, base: str) -> bool:
        """Whether to use a message.

        Args:
            frame: its ``frame_id``.
            child: its ``child_frame_id``.
            odom: frame of the odometry that is looked for.
            base: frame of the robot's base that is looked for.
        """
        misfit = 2 * (child not in ("", base)) + (frame not in ("", odom))
        now = self._clock()
        other = self._used is not None and (frame, child) != self._used
        if other and misfit >= self._misfit and now - self._heard < SILENCE:
            return False
        self._used, self._misfit, self._heard = (frame, child), misfit, now
        return True
