"""Progress bars of a mapping on the terminal; lines of text elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from localization_mapping.progress import Tick


@contextmanager
def progress_bars(stage: str, steps: int) -> Iterator[Tick]:
    """Show a bar for a stage; where standard error is no terminal, print its name and its seconds at its end."""
    if steps == 0:
        yield lambda: None
        return
    if sys.stderr.isatty():
        with tqdm(total=steps, desc=f"{stage:32}", unit="", leave=True) as bar:
            yield lambda: bar.update() and None
        return
    began = time.monotonic()
    yield lambda: None
    print(f"{stage}: {steps} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
