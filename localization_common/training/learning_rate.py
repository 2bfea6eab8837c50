"""Schedule of the learning rate that all trainings use."""

from __future__ import annotations

import math


def warm_up_and_cosine(peak: float, step: int, progress: float, *, warm_up: int, floor: float) -> float:
    """Learning rate of one step: a linear warm-up over the first steps, then half a cosine from the peak to a floor.

    Args:
        peak: largest learning rate.
        step: number of the step, from 0.
        progress: completed share of the training, by steps or by time; values above 1 count as 1.
        warm_up: number of steps until the warm-up ends.
        floor: smallest factor of the cosine.
    """
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
    return peak * min(1.0, (step + 1) / warm_up) * max(floor, cosine)
