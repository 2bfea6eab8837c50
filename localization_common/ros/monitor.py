"""Statistics and present problems of a node: rates, durations, drops. Imports no ROS."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from localization_common.ros.log_limit import LogLimit

#: Longest text of a problem, in characters.
MAX_TEXT = 2000


class Level(enum.IntEnum):
    """Levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


class Rate:
    """Rate of events over the last seconds."""

    def __init__(self, window: float = 5.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window, self._clock = window, clock
        self._times: deque[float] = deque(maxlen=2000)
        self._lock = threading.Lock()

    def tick(self) -> None:
        """Count one event now."""
        with self._lock:
            self._times.append(self._clock())

    @property
    def hertz(self) -> float:
        """Events per second."""
        with self._lock:
            recent = [t for t in self._times if t > self._clock() - self._window]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 and recent[-1] > recent[0] else 0.0

    @property
    def seconds_since(self) -> float | None:
        """Seconds since the last event; None before the first."""
        with self._lock:
            return self._clock() - self._times[-1] if self._times else None


class Durations:
    """Percentiles of the last durations, in milliseconds."""

    def __init__(self, window: int = 500) -> None:
        self._values: deque[float] = deque(maxlen=window)

    def add(self, milliseconds: float) -> None:
        """Record one duration."""
        self._values.append(milliseconds)

    def percentile(self, percent: float) -> float:
        """Percentile; NaN before the first duration."""
        values = list(self._values)
        return float(np.percentile(values, percent)) if values else float("nan")


@dataclass(frozen=True)
class Problem:
    """Present problem of a node."""

    level: Level
    text: str


class Monitor:
    """Counters and present problems of one node; callbacks and the worker both write them.

    The log has the problems as far as `LogLimit` allows. A problem that was left out is logged later, if it is still
    present, with the number of changes that were left out. `problems` always has all of them.

    Args:
        log: called with a problem when it appears or changes, and with None when it is solved.
        limit: rate limit of the log.
    """

    def __init__(self, log: Callable[[str, Problem | None], None], limit: LogLimit | None = None) -> None:
        self._log, self._limit = log, limit or LogLimit()
        self._problems: dict[str, Problem] = {}
        self._announced: dict[str, Problem] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Set the counters to zero; called by the configure transition."""
        self.input_rate, self.output_rate = Rate(), Rate()
        self.inference, self.latency = Durations(), Durations()
        self.processed = self.refused = self.jumps = 0
        self.stamp_age: float | None = None
        with self._lock:
            self._problems.clear()
            self._announced.clear()
            self._limit.forget_kinds()  # a second failure of configure is logged again, with the same reason

    def problem(self, key: str, level: Level, text: str, *, seconds: float = float("inf")) -> None:
        """Report a problem; the same problem again is not logged again.

        Args:
            key: name of the problem.
            level: level on /diagnostics.
            text: text for the user.
            seconds: time after which the problem is removed, if no event solves it.
        """
        problem = Problem(level, shortened(text))
        with self._lock:
            changed = _kind(key, self._problems.get(key)) != _kind(key, problem)
            self._problems[key], self._until[key] = problem, time.monotonic() + seconds
            lines = self._due(key if changed else None)
        self._write(lines)

    def event(self, key: str, text: str) -> None:
        """Log a single event, such as an ignored message, as far as the limit allows."""
        problem = Problem(Level.WARN, shortened(text))
        with self._lock:
            if not self._limit.admits(kind := _kind(key, problem)):
                self._limit.leave_out(key)
                return
            note = self._limit.logged(key, kind)
        self._log(key, Problem(problem.level, problem.text + note))

    def solved(self, key: str) -> None:
        """Remove a problem that has recovered."""
        with self._lock:
            changed = self._problems.pop(key, None) is not None
            lines = self._due(key if changed else None)
        self._write(lines)

    @property
    def problems(self) -> dict[str, Problem]:
        """Present problems by their keys."""
        with self._lock:
            for key in [key for key in self._problems if self._until[key] < time.monotonic()]:
                del self._problems[key]
            present, lines = dict(self._problems), self._due(None)
        self._write(lines)
        return present

    def _due(self, changed: str | None) -> list[tuple[str, Problem | None]]:
        """Lines that are not in the log yet and may be logged now; problem ``changed`` has changed just now."""
        lines: list[tuple[str, Problem | None]] = []
        # The one that waited longest is first: a problem that changes with every frame must not displace the others.
        keys = [*self._problems, *(key for key in self._announced if key not in self._problems)]
        for key in sorted(keys, key=self._limit.last):
            problem = self._problems.get(key)
            kind = _kind(key, problem)
            logged = kind == _kind(key, self._announced.get(key))
            if logged or not self._limit.admits(kind):
                if key == changed and problem is not None:
                    self._limit.leave_out(key)
                continue
            if problem is None:
                self._limit.logged(f"{key}: solved", kind)
                del self._announced[key]
                lines.append((key, None))
            else:
                self._announced[key] = problem
                note = self._limit.logged(key, kind, late=key != changed)
                lines.append((key, Problem(problem.level, problem.text + note)))
        return lines

    def _write(self, lines: list[tuple[str, Problem | None]]) -> None:
        for key, problem in lines:
            self._log(key, problem)


def shortened(text: str) -> str:
    """Text in one line, without its middle if it is very long: names in messages can have any length."""
    text = text.replace("\n", " ")
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT // 2]} [...] {text[-MAX_TEXT // 2 :]}"


def _kind(key: str, problem: Problem | None) -> str:
    """Name of the kind of a problem; the digits of its text do not count, since they change with every frame."""
    if problem is None:
        return f"{key}: solved"
    return f"{key}: {problem.level} {''.join(c for c in problem.text if not c.isdigit())}"
