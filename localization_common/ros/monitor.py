"""What a node knows about its own work: rates, durations, drops and present problems. No ROS in here."""

from __future__ import annotations

import enum
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


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

    Args:
        log: called with a problem when it appears or changes, and with None when the last one is gone.
    """

    def __init__(self, log: Callable[[str, Problem | None], None]) -> None:
        self._log = log
        self._problems: dict[str, Problem] = {}
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

    def problem(self, key: str, level: Level, text: str) -> None:
        """Something is wrong; the same problem again is not logged again."""
        problem = Problem(level, text)
        with self._lock:
            known = self._problems.get(key)
            self._problems[key] = problem
        # Numbers in a text change with every frame; a new kind of text does not differ in digits only.
        if known is None or known.level != level or _without_digits(known.text) != _without_digits(text):
            self._log(key, problem)

    def solved(self, key: str) -> None:
        """It is right again."""
        with self._lock:
            known = self._problems.pop(key, None)
        if known is not None:
            self._log(key, None)

    @property
    def problems(self) -> dict[str, Problem]:
        """What is wrong now."""
        with self._lock:
            return dict(self._problems)


def _without_digits(text: str) -> str:
    return "".join(c for c in text if not c.isdigit())
