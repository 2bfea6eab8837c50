"""Choice of the fastest of several backends, by measuring them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from localization_common.errors import CheckpointError, ConfigError, LocalizationError
from vlocnet_ros.runtime.backends.backend import Backend
from vlocnet_ros.runtime.checkpoint import Description

Opened = tuple[Description, Backend]

#: Rounds in which all backends take turns, and frames of one turn: at first, threads of the one before still spin.
_ROUNDS, _FRAMES = 3, 4


@dataclass
class _Candidate:
    opened: Opened
    image: np.ndarray[Any, Any]
    features: Any = None
    best: float = float("inf")

    def run(self) -> None:
        started = time.perf_counter()
        self.features, _ = self.opened[1].step(self.image, self.features)
        self.best = min(self.best, time.perf_counter() - started)


def fastest(ways: Mapping[str, Callable[[], Opened]]) -> Opened:
    """Open all backends that can be opened, and return the fastest; its `Backend.name` has all times.

    All take turns, so that other load of the computer affects all of them; the best time of each counts.

    Args:
        ways: functions that open a backend, by a name for messages.

    Raises:
        CheckpointError, ConfigError: no backend could be opened; the error of the first.
    """
    candidates: dict[str, _Candidate] = {}
    errors: dict[str, LocalizationError] = {}
    for name, open_it in ways.items():
        try:
            description, backend = open_it()
        except (CheckpointError, ConfigError) as error:
            errors[name] = error
            continue
        size = (description.config.height, description.config.width, 3)
        image = np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)
        candidates[name] = _Candidate((description, backend), image)
    if not candidates:
        raise next(iter(errors.values()))
    for _ in range(_ROUNDS if len(candidates) > 1 else 0):
        for candidate in candidates.values():
            for _ in range(_FRAMES):
                candidate.run()
    name, chosen = min(candidates.items(), key=lambda item: item[1].best)
    times = [f"{other} {1e3 * c.best:.1f} ms" for other, c in candidates.items()] if len(candidates) > 1 else []
    missing = [f"{other}: {error}" for other, error in errors.items()]
    chosen.opened[1].name = "; ".join([f"{name} (measured: {', '.join(times)})" if times else name, *missing])
    return chosen.opened
