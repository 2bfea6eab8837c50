"""How the C library treats what programs free: training frees and allocates the same megabytes in each step."""

from __future__ import annotations

import ctypes
import sys

#: Parameters of glibc's mallopt (malloc.h).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_MOST = 2**31 - 1
_PAD = 256 * 2**20


def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory for later, where it would be handed back to the system.

    Whatever is above 32 MB is handed back at once otherwise, and comes again page by page, each with a fault, zeroed:
    half of the time of a training step of the paper's DMN. The process then stays as large as it ever was.

    Returns:
        Whether the C library is glibc and took it.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return False
    wanted = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _MOST, _TOP_PAD: _PAD}
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted.items())
