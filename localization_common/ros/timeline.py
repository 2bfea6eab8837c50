"""Stamps of one series of messages: next, late, or so far off that a second message must confirm it. No ROS in here."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable

#: A stamp that goes back further than this (nanoseconds) is a clock that jumped; less is a message that came late.
JUMP = 1_000_000_000
#: A stamp that leaps ahead further than this (nanoseconds), and than the time that passed, is doubted.
LEAP = 10_000_000_000
#: Stamps of two series that differ by more than this (nanoseconds) come from different clocks.
OTHER_CLOCK = 3_600_000_000_000


class Verdict(enum.Enum):
    """How a stamp relates to those before it."""

    NEXT = "next"
    SAME = "same"
    LATE = "late"
    BACK = "back"  # far back, and nobody has confirmed it
    AHEAD = "ahead"  # far ahead, and nobody has confirmed it
    JUMPED_BACK = "jumped back"  # far back, as the one before it
    JUMPED_AHEAD = "jumped ahead"

    @property
    def doubted(self) -> bool:
        """Whether the message must wait until the next one confirms it."""
        return self in (Verdict.BACK, Verdict.AHEAD)

    @property
    def jumped(self) -> bool:
        """Whether a new time begins with the message that was doubted before this one."""
        return self in (Verdict.JUMPED_BACK, Verdict.JUMPED_AHEAD)


class Timeline:
    """Judges stamps of one series. One message with a wrong stamp changes nothing; two in a row that agree do.

    Args:
        leap: how far a stamp may leap ahead (nanoseconds) beyond the time that passed since the last one.
        clock: nanoseconds that pass, whatever the stamps say.
    """

    def __init__(self, leap: int = LEAP, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._leap, self._clock = leap, clock
        self.reset()

    def reset(self) -> None:
        """Forget all stamps: the next one may be any."""
        self.last: int | None = None
        self.doubted: int | None = None
        self._adopted_at = 0

    @property
    def idle(self) -> int:
        """Nanoseconds that passed since a message was adopted."""
        return self._clock() - self._adopted_at

    def judge(self, stamp: int) -> Verdict:
        """Compare a stamp (nanoseconds) with the last that was adopted; nothing changes."""
        if self.last is None:
            return Verdict.NEXT
        confirmed = self.doubted is not None and 0 < stamp - self.doubted <= self._leap
        if stamp < self.last - JUMP:
            return Verdict.JUMPED_BACK if confirmed else Verdict.BACK
        if stamp <= self.last:
            return Verdict.SAME if stamp == self.last else Verdict.LATE
        if stamp - self.last > self._leap + self.idle:
            return Verdict.JUMPED_AHEAD if confirmed else Verdict.AHEAD
        return Verdict.NEXT

    def adopt(self, stamp: int) -> None:
        """The message of this stamp was accepted: the series goes on from here. A late one leaves it where it is."""
        self.doubted = None
        if self.last is None or not self.last - JUMP <= stamp <= self.last:
            self.last, self._adopted_at = stamp, self._clock()

    def doubt(self, stamp: int) -> None:
        """The message of this stamp was doubted: the next one may confirm it."""
        self.doubted = stamp
