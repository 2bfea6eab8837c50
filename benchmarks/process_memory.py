"""Memory of the process of a benchmark."""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    """Peak memory of this process so far, megabytes."""
    # The maximum of getrusage would be that of the parent process, which was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
