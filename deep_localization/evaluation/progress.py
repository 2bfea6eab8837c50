"""Progress of a long run, on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable


def progress_line(name: str) -> Callable[[int, int], None]:
    """Return a function that prints the progress of a run: on one line of a terminal, every 100 steps elsewhere."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{name}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif done == total or done % 100 == 0:
            print(f"{name}: {done} of {total}", file=sys.stderr, flush=True)

    return show
