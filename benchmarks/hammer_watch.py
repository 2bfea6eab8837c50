"""Measures of running nodes for `hammer`: memory, and lines of the log with their times."""

from __future__ import annotations

import os
import re
import threading
import time
from bisect import bisect_right
from pathlib import Path

_STAMP = re.compile(r"^\[\w+\] \[(\d+\.\d+)\]")


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Memory of a process in MB: VmRSS is the present value, VmHWM the peak; 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1e3 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, over all threads, seconds; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak(pid: int) -> None:
    """Reset the peak memory of a process."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


class LogWatch:
    """Reads the lines of a log file while it grows.

    Args:
        path: log file of a node.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._stop = path, threading.Event()
        self.lines: list[tuple[float, str]] = []
        """Time of each line, seconds since 1970, from the line or from its arrival, and the line."""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read to the end and stop."""
        self._stop.set()
        self._thread.join()

    def between(self, start: float, end: float) -> list[tuple[float, str]]:
        """Lines of a time span."""
        return [line for line in list(self.lines) if start <= line[0] < end]

    def _follow(self) -> None:
        with self._path.open(encoding="utf-8", errors="replace") as file:
            while True:
                ending, text = self._stop.is_set(), file.readline()
                if text:
                    stamp = _STAMP.match(text)
                    self.lines.append((float(stamp[1]) if stamp else time.time(), text.rstrip("\n")))
                elif ending:
                    return
                else:
                    self._stop.wait(0.02)


def most_in_a_second(times: list[float]) -> int:
    """Largest number of times in an interval that is shorter than a second."""
    ordered = sorted(times)
    return max((bisect_right(ordered, t + 0.999) - i for i, t in enumerate(ordered)), default=0)
