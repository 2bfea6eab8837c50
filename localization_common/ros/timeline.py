"""Check of the stamps of one series: next, late, or so far off that a second one must confirm it. Imports no ROS."""

from __future__ import annotations

import enum
import time
from collections import deque
from collections.abc import Callable

#: A stamp that is further back than this (nanoseconds) is a jump of the clock; less is a late message.
JUMP = 1_000_000_000
#: A stamp that is further ahead than this (nanoseconds), and than the time that passed, must be confirmed.
LEAP = 10_000_000_000
#: Stamps of two series that differ by more than this (nanoseconds) are of different clocks.
OTHER_CLOCK = 3_600_000_000_000
#: Stamps from this time (nanoseconds) before ROS time to `JUMP` after it are of ROS time, not of a recording.
PRESENT = 10_000_000_000
#: Stamps of another time are used only if no stamp of ROS time has come for so long (nanoseconds).
SILENCE = 2_000_000_000
#: Number of held stamps of which any may be confirmed: several series may be mixed on one topic.
_HELD = 8


class StampVerdict(enum.Enum):
    """Relation of a stamp to the previous ones."""

    NEXT = "next"
    SAME = "same"
    LATE = "late"
    BACK = "back"  # far back, not confirmed
    AHEAD = "ahead"  # far ahead, not confirmed
    JUMPED_BACK = "jumped back"  # far back, confirms a held stamp
    JUMPED_AHEAD = "jumped ahead"  # far ahead, confirms a held stamp
    FAR = "far"  # the stamp is right, the pose of the message is too far from the previous one

    @property
    def unconfirmed(self) -> bool:
        """True if the message waits until the next one confirms it."""
        return self in (StampVerdict.BACK, StampVerdict.AHEAD, StampVerdict.FAR)

    @property
    def jumped(self) -> bool:
        """True if a new time begins with the held message that this one confirms."""
        return self in (StampVerdict.JUMPED_BACK, StampVerdict.JUMPED_AHEAD)


class Timeline:
    """Check of the stamps of one series. One wrong stamp changes nothing; two in a row that agree start a new time.

    While the series agrees with ROS time, two wrong stamps change nothing either: a new time begins when the series has
    been silent for `SILENCE`.

    Args:
        leap: longest jump ahead (nanoseconds) beyond the time that passed since the last stamp.
        clock: returns nanoseconds of a steady clock.
        now: returns ROS time in nanoseconds; None if the stamps must not be compared with it.
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
        self._held: deque[int] = deque(maxlen=_HELD)
        self._adopted_at = 0
        self._is_present = False

    @property
    def idle(self) -> int:
        """Nanoseconds since the last adopted message."""
        return self._clock() - self._adopted_at

    def judge(self, stamp: int) -> StampVerdict:
        """Compare a stamp (nanoseconds) with the last adopted one; the state does not change."""
        if self.last is None:
            return StampVerdict.NEXT
        current = self._is_present and self.idle < SILENCE and self._near_ros_time(self.last)
        if current and not self._near_ros_time(stamp):
            return StampVerdict.BACK if stamp < self.last else StampVerdict.AHEAD
        confirmed = not current and any(self.agrees(held, stamp) for held in self._held)
        if stamp < self.last - JUMP:
            return StampVerdict.JUMPED_BACK if confirmed else StampVerdict.BACK
        if stamp <= self.last:
            return StampVerdict.SAME if stamp == self.last else StampVerdict.LATE
        if stamp - self.last > self._leap + self.idle:
            return StampVerdict.JUMPED_AHEAD if confirmed else StampVerdict.AHEAD
        return StampVerdict.NEXT

    def adopt(self, stamp: int) -> None:
        """Continue the series at this stamp, whose message was accepted; a late one does not move the series back."""
        present = self._near_ros_time(stamp)
        kept = [] if present else [held for held in self._held if self._near_ros_time(held)]
        self._held = deque(kept, maxlen=_HELD)
        if self.last is None or not self.last - JUMP <= stamp <= self.last:
            self.last, self._adopted_at, self._is_present = stamp, self._clock(), present

    def hold(self, stamp: int) -> None:
        """Keep an unconfirmed stamp: the next one may confirm it."""
        self._held.append(stamp)

    def agrees(self, held: int, stamp: int) -> bool:
        """Return True if a stamp confirms a held one."""
        return 0 < stamp - held <= self._leap

    def _near_ros_time(self, stamp: int) -> bool:
        return self._now is not None and -PRESENT < stamp - self._now() < JUMP
