"""Page faults of a process for large arrays that it frees and allocates again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_MEGABYTES, _TIMES = 64, 10
_PROGRAM = f"""
import resource
import numpy as np
from localization_common.training.allocator import keep_freed_memory
{{call}}
def work():
    array = np.ones({_MEGABYTES} * 2**20, np.uint8)
    return int(array[-1])
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({_TIMES}):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(call: str) -> int:
    # else NumPy would use pages of 2 MB
    environment = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}
    command = [sys.executable, "-c", _PROGRAM.format(call=call)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_freed_memory_comes_back_without_faults() -> None:
    pages = _MEGABYTES * 2**20 * _TIMES // os.sysconf("SC_PAGE_SIZE")
    assert _faults("") > pages // 2
    assert _faults("assert keep_freed_memory()") < pages // 100
