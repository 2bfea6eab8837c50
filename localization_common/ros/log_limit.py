"""Rate limit of a node's log, with a count of the lines that were left out. Imports no ROS."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

#: Largest number of kinds in memory; beyond it, the kind that was logged longest ago is forgotten.
_KINDS = 256
#: Length of the last second, in seconds: on a busy computer one line is late and the next is in time.
_SPAN = 1.25


class LogLimit:
    """Decision about each line: log it or leave it out. A subject, such as the camera, has lines of several kinds.

    The first line of a kind is logged at once, unless the node logged `per_second` lines in the last second.

    Args:
        interval: seconds between two lines of one kind.
        per_second: largest number of lines of all kinds in a second.
        clock: returns seconds.
    """

    def __init__(
        self, interval: float = 10.0, per_second: int = 2, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval, self._clock = interval, clock
        self._recent: deque[float] = deque(maxlen=per_second)
        self._kinds: OrderedDict[str, float] = OrderedDict()
        self._subjects: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def admits(self, kind: str) -> bool:
        """Return True if a line of this kind may be logged now."""
        now = self._clock()
        full = len(self._recent) == self._recent.maxlen and now - self._recent[0] < _SPAN
        return not full and now - self._kinds.get(kind, -float("inf")) >= self._interval

    def leave_out(self, subject: str) -> None:
        """Count a line about this subject that is not logged."""
        self._left_out[subject] = self._left_out.get(subject, 0) + 1

    def logged(self, subject: str, kind: str, *, late: bool = False) -> str:
        """Note that a line is logged now; return the text to append, with the number of lines left out.

        Args:
            late: the line itself was left out before.
        """
        now, count = self._clock(), self._left_out.pop(subject, 0) - late
        since = self._subjects.get(subject)
        self._subjects[subject] = now
        self._recent.append(now)
        self._kinds[kind] = now
        self._kinds.move_to_end(kind)
        if len(self._kinds) > _KINDS:
            self._kinds.popitem(last=False)
        if count < 1:
            return ""
        return f" ({count} more of this kind{'' if since is None else f' in the last {max(1.0, now - since):.0f} s'})"

    def forget_kinds(self) -> None:
        """Treat every kind as new."""
        self._kinds.clear()

    def last(self, subject: str) -> float:
        """Time of the last logged line about this subject, in the clock's seconds."""
        return self._subjects.get(subject, -float("inf"))
