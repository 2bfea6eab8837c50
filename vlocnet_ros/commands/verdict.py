"""Verdict on a trained network: whether to use it, by its errors on held-out frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Least number of held-out frames for a verdict.
_FEWEST = 20
#: Share of poses within 25 cm and 5 degrees of a network that localizes alone.
_ALONE = 0.9
#: Largest median error, metres, of a network whose poses are still guesses for a refinement. The refinement searches
#: within some 35 cm of a guess, and at similar keyframes elsewhere.
USEFUL = 0.5


def verdict(numbers: Mapping[str, Any]) -> str:
    """Return one sentence for the user; empty for a network without poses, and without measured frames.

    Args:
        numbers: scores of `vlocnet_evaluate` on held-out frames.
    """
    pose = numbers.get("pose")
    if pose is None:
        return ""
    frames = numbers.get("frames", 0)
    if frames < _FEWEST:
        return f"{frames} held-out frames are too few for a verdict; {_FEWEST} are needed (--hold-out)"
    near, median = pose["within_25cm_5deg"], pose["median_m"]
    if near >= _ALONE:
        return f"use it: {near:.0%} of the held-out poses are within 25 cm and 5 deg"
    if median <= USEFUL:
        return (
            f"use it with a keyframe map, which refines its poses: {1.0 - near:.0%} of the held-out poses are off by "
            "more than 25 cm or 5 deg without one; a longer training (--minutes) or more drives make it better"
        )
    return (
        f"do not use it: half of the held-out poses are off by more than {median:.2f} m; record drives that show every "
        "part of the place, and train longer (--minutes)"
    )
