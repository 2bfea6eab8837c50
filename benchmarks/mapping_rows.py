"""Rows of the benchmark of the mapping, kept in files: an interrupted run continues, parts run one by one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kept_runs

Numbers = dict[str, Any]


@dataclass(frozen=True)
class KeptRows:
    """Rows by name.

    Attributes:
        folder: directory of the files; delete it when the code that is measured has changed.
        key: everything that the numbers depend on, besides the code; a row with another key is measured again.
    """

    folder: Path
    key: str

    def row(self, name: str, measure: Callable[[], Numbers] | None) -> Numbers | None:
        """Return the kept numbers, else measure and keep them; None without either.

        Args:
            name: name of the row, unique in the benchmark.
            measure: measures the numbers; None to use kept ones only.
        """
        file = self.folder / f"{re.sub(r'[^a-z0-9]+', '_', name.lower())}.json"
        key = f"{name}: {self.key}"
        found = kept_runs.stored(file, key)
        if found is None and measure is not None:
            print(f"{name}: measuring", flush=True)
            began = time.monotonic()
            numbers = measure()
            self.folder.mkdir(parents=True, exist_ok=True)
            found = kept_runs.store(file, key, numbers | {"row_seconds": time.monotonic() - began})
            print(f"{name}: {json.dumps(numbers)}", flush=True)
        return None if found is None else {key: value for key, value in found.items() if key != "command"}
