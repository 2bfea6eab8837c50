"""Progress of a mapping, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

#: Called after each step of a stage.
Tick = Callable[[], None]
#: Begins a stage with a name and a number of steps; the context gives its `Tick`.
Progress = Callable[[str, int], AbstractContextManager[Tick]]


@contextmanager
def silent(stage: str, steps: int) -> Iterator[Tick]:
    """Show nothing."""
    yield lambda: None
