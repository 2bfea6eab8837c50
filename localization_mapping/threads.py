"""Work in threads: OpenCV and matrix products run beside each other there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import TypeVar

from localization_mapping.progress import Tick

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_threads(function: Callable[[Item], Result], items: Iterable[Item], tick: Tick) -> list[Result]:
    """Return the results of a function for items, in their order; one thread for each core.

    Args:
        function: called in several threads at once.
        items: its arguments.
        tick: called after each result.
    """
    results = []
    with ThreadPoolExecutor(max_workers=cpu_count()) as pool:
        for result in pool.map(function, items):
            results.append(result)
            tick()
    return results
