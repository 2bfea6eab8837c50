"""Memory of a process that receives images."""

from __future__ import annotations

import ctypes

#: Parameters of glibc's `mallopt` (malloc.h), and their values in bytes.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT, _LARGEST = 64 << 20, 32 << 20


def keep_freed_memory() -> bool:
    """Keep up to 64 MB of freed memory in the process, for the next image.

    By default, glibc returns the memory of each image to the system. The system clears it again for the next one: 650
    page faults for each VGA image, a third of the time that it takes to receive it.

    Returns:
        False without glibc; then nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEPT)) and bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST))
