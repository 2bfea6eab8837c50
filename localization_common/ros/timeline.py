"""Stamps of one series of messages: next, late, or so far off that a second message must confirm it. No ROS in here."""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable

#: A stamp that goes back further than this (nanoseconds) is a clock that jumped; less is a message that came late.
JUMP = 1_000_000_000
#: A stamp that leaps ahead further than this (nanoseconds), and than the time that passed, is doubted.
LEAP = 10_000_000_000
#: Stamps of two series that differ by more than this (nanoseconds) come from different clocks.
OTHER_CLOCK = 3_600_000_000_000
#: Stamps from this long (nanoseconds) before ROS time to `JUMP` after it are of ROS time, not of a recording.
PRESENT = 10_000_000_000
#: A series of another time is not believed until the one of ROS time has been silent for so long (nanoseconds).
SILENCE = 2_000_000_000
#: Doubted stamps of which any may be confirmed: of several series that are mixed, each finds its own.
_DOUBTED = 8


class Verdict(enum.Enum):
    """How a stamp relates to those before it."""

    NEXT = "next"
    SAME = "same"
    LATE = "late"
    BACK = "back"  # far back, and nobody has confirmed it
    AHEAD = "ahead"  # far ahead, and nobody has confirmed it
    JUMPED_BACK = "jumped back"  # far back, as the one before it
    JUMPED_AHEAD = "jumped ahead"
    FAR = "far"  # the stamp fits, but not what it is of

    @property
    def doubted(self) -> bool:
        """Whether the message must wait until the next one confirms it."""
        return self in (Verdict.BACK, Verdict.AHEAD, Verdict.FAR)

    @property
    def jumped(self) -> bool:
        """Whether a new time begins with the message that was doubted before this one."""
        return self in (Verdict.JUMPED_BACK, Verdict.JUMPED_AHEAD)


class Timeline:
    """Judges stamps of one series. One message with a wrong stamp changes nothing; two in a row that agree do.

    While the series agrees with ROS time, not even these do: two wrong messages may follow each other.

    Args:
        leap: how far a stamp may leap ahead (nanoseconds) beyond the time that passed since the last one.
        clock: nanoseconds that pass, whatever the stamps say.
        now: ROS time in nanoseconds; None where the stamps are not to be compared with it.
    """

    def __init__(
        self,
        leap: int = LEAP,
        clock: Callable[[], int] = time.monotonic_ns,
        now: Callable[[], int] | None = None,
    ) -> None:
        self._leap, self._clock, self._now = leap, clock, now
        self.reset()

    def reset(self) -> None:
        """Forget all stamps: the next one may be any."""
        self.last: int | None = None
        self._doubted: deque[int] = deque(maxlen=_DOUBTED)
        self._adopted_at = 0
        self._is_present = False

    @property
    def idle(self) -> int:
        """Nanoseconds that passed since a message was adopted."""
        return self._clock() - self._adopted_at

    def judge(self, stamp: int) -> Verdict:
        """Compare a stamp (nanoseconds) with the last that was adopted; nothing changes."""
        if self.last is None:
            return Verdict.NEXT
        if self._is_present and self.idle < SILENCE and not self._near_ros_time(stamp):
            return Verdict.BACK if stamp < self.last else Verdict.AHEAD
        confirmed = any(self.agrees(doubted, stamp) for doubted in self._doubted)
        if stamp < self.last - JUMP:
            return Verdict.JUMPED_BACK if confirmed else Verdict.BACK
        if stamp <= self.last:
            return Verdict.SAME if stamp == self.last else Verdict.LATE
        if stamp - self.last > self._leap + self.idle:
            return Verdict.JUMPED_AHEAD if confirmed else Verdict.AHEAD
        return Verdict.NEXT

    def adopt(self, stamp: int) -> None:
        """The message of this stamp was accepted: the series goes on from here. A late one leaves it where it is."""
        present = self._near_ros_time(stamp)
        kept = [] if present else [doubted for doubted in self._doubted if self._near_ros_time(doubted)]
        self._doubted = deque(kept, maxlen=_DOUBTED)
        if self.last is None or not self.last - JUMP <= stamp <= self.last:
            self.last, self._adopted_at, self._is_present = stamp, self._clock(), present

    def doubt(self, stamp: int) -> None:
        """The message of this stamp was doubted: the next one may confirm it."""
        self._doubted.append(stamp)

    def agrees(self, doubted: int, stamp: int) -> bool:
        """Whether a stamp confirms one that was doubted before it."""
        return 0 < stamp - doubted <= self._leap

    def _near_ros_time(self, stamp: int) -> bool:
        return self._now is not None and -PRESENT < stamp - self._now() < JUMP
