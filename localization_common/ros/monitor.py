"""What a node knows about its own work: rates, durations, drops and present problems. No ROS in here."""

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
    """Events per second over the last seconds."""

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
    """Something that is wrong now."""

    level: Level
    text: str


class Monitor:
    """Counters and present problems of one node; callbacks and the worker both write here.

    The log follows the problems as far as `LogLimit` allows: a problem that is left out is logged as soon as it may be,
    if it is still there, with the number of changes that were left out. `problems` always has all of them.

    Args:
        log: called with a problem when it appears or changes, and with None when it is gone.
        limit: of the log.
    """

    def __init__(self, log: Callable[[str, Problem | None], None], limit: LogLimit | None = None) -> None:
        self._log, self._limit = log, limit or LogLimit()
        self._problems: dict[str, Problem] = {}
        self._announced: dict[str, Problem] = {}
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Start counting anew; called by the configure transition."""
        self.input_rate, self.output_rate = Rate(), Rate()
        self.inference, self.latency = Durations(), Durations()
        self.processed = self.refused = self.jumps = 0
        self.stamp_age: float | None = None
        with self._lock:
            self._problems.clear()
            self._announced.clear()
            self._limit.forget_kinds()  # who configures again wants to read why that fails, also if it failed before

    def problem(self, key: str, level: Level, text: str, *, seconds: float = float("inf")) -> None:
        """Something is wrong; the same problem again is not logged again.

        Args:
            key: names the problem.
            level: of diagnostics.
            text: for the user.
            seconds: after which it is solved by itself: of messages that nothing follows which would solve it.
        """
        problem = Problem(level, shortened(text))
        with self._lock:
            changed = _kind(key, self._problems.get(key)) != _kind(key, problem)
            self._problems[key], self._until[key] = problem, time.monotonic() + seconds
            lines = self._due(key if changed else None)
        self._say(lines)

    def event(self, key: str, text: str) -> None:
        """Something happened that is over, such as a message that was ignored; it is logged as far as that may be."""
        problem = Problem(Level.WARN, shortened(text))
        with self._lock:
            if not self._limit.admits(kind := _kind(key, problem)):
                self._limit.leave_out(key)
                return
            note = self._limit.logged(key, kind)
        self._log(key, Problem(problem.level, problem.text + note))

    def solved(self, key: str) -> None:
        """The problem is gone."""
        with self._lock:
            changed = self._problems.pop(key, None) is not None
            lines = self._due(key if changed else None)
        self._say(lines)

    @property
    def problems(self) -> dict[str, Problem]:
        """What is wrong now."""
        with self._lock:
            for key in [key for key in self._problems if self._until[key] < time.monotonic()]:
                del self._problems[key]
            present, lines = dict(self._problems), self._due(None)
        self._say(lines)
        return present

    def _due(self, changed: str | None) -> list[tuple[str, Problem | None]]:
        """Lines that may be logged now, where the log does not say what is the case; one of them changed just now."""
        lines: list[tuple[str, Problem | None]] = []
        # Who waited longest comes first: a problem that changes with every frame must not crowd out the others.
        keys = [*self._problems, *(key for key in self._announced if key not in self._problems)]
        for key in sorted(keys, key=self._limit.last):
            problem = self._problems.get(key)
            kind = _kind(key, problem)
            said = kind == _kind(key, self._announced.get(key))
            if said or not self._limit.admits(kind):
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

    def _say(self, lines: list[tuple[str, Problem | None]]) -> None:
        for key, problem in lines:
            self._log(key, problem)


def shortened(text: str) -> str:
    """A text in one line, without its middle if it is very long: names in messages may be anything."""
    text = text.replace("\n", " ")
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT // 2]} [...] {text[-MAX_TEXT // 2 :]}"


def _kind(key: str, problem: Problem | None) -> str:
    """Name for problems that are alike; numbers in a text change with every frame, and make no new kind."""
    if problem is None:
        return f"{key}: solved"
    return f"{key}: {problem.level} {''.join(c for c in problem.text if not c.isdigit())}"
