"""Verdict at the end of a training: one sentence for each kind of result."""

from __future__ import annotations

import pytest

from vlocnet_ros.commands.verdict import verdict


def numbers(median: float, near: float, frames: int = 100) -> dict:
    return {"frames": frames, "pose": {"median_m": median, "within_25cm_5deg": near}}


@pytest.mark.parametrize(
    ("found", "beginning"),
    [
        (numbers(0.04, 0.97), "use it: 97% of the held-out poses"),
        (numbers(0.22, 0.6), "use it with a keyframe map, which refines its poses: 40% of the held-out poses"),
        (numbers(1.57, 0.05), "do not use it: half of the held-out poses are off by more than 1.57 m"),
        (numbers(0.04, 0.97, frames=9), "9 held-out frames are too few"),
        ({"frames": 100}, ""),
    ],
    ids=["good", "with a map", "bad", "too few", "no poses"],
)
def test_the_verdict_follows_the_errors(found, beginning):
    assert verdict(found).startswith(beginning)
    assert bool(verdict(found)) == bool(beginning)
