"""Content of a Rerun recording (.rrd), as `rerun rrd print` lists it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

_CHUNK = re.compile(r"^Chunk\(\w+\) with (\d+) rows .* - /(\S*) - ", re.MULTILINE)


def rows_of(path: Path) -> Counter[str]:
    """Number of rows of each entity of a recording and its blueprint."""
    command = [sys.executable, "-m", "rerun", "rrd", "print", str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120.0).stdout
    rows: Counter[str] = Counter()
    for number, entity in _CHUNK.findall(printed):
        rows[entity] += int(number)
    return rows
