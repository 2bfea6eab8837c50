"""Settings of the C library's memory allocator: training frees and allocates the same megabytes in each step."""

from __future__ import annotations

import ctypes
import sys

#: Parameters of glibc's mallopt (malloc.h).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_MOST = 2**31 - 1
_PAD = 256 * 2**20


def keep_freed_memory() -> bool:
    """Set glibc to keep freed memory for later, instead of returning it to the system.

    By default, blocks above 32 MB are returned at once, and come back page by page, each with a page fault and filled
    with zeros: this takes half of the time of a training step of the paper's DMN. With this setting the process keeps
    its largest size.

    Returns:
        True if the C library is glibc and accepted the settings.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl has none
        return False
    wanted = {_MMAP_MAX: 0, _TRIM_THRESHOLD: _MOST, _TOP_PAD: _PAD}
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted.items())
