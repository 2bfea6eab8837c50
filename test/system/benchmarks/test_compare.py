"""Comparison of two versions: what counts as slower, and the processes that measure."""

from __future__ import annotations

import numpy as np
import pytest

from compare import ROOT, Ratio, Worker, verdict

SMALLEST = 0.02


def times(ms: float, seed: int, *, spread: float = 0.03, rounds: int = 30) -> list[float]:
    """Measurements whose noise is never negative, as that of a busy computer."""
    return list(ms * (1.0 + spread * np.random.default_rng(seed).exponential(size=rounds)))


@pytest.mark.parametrize(("ms", "expected"), [(10.0, "same"), (10.8, "slower"), (9.2, "faster"), (10.1, "same")])
def test_a_difference_counts_if_it_exceeds_the_noise(ms, expected):
    base, again = times(10.0, 0), times(10.0, 1)
    assert verdict(Ratio.of(times(ms, 2), base), Ratio.of(again, base), SMALLEST) == expected


def test_on_a_noisy_computer_a_larger_difference_is_needed():
    base, again, new = times(10.0, 0, spread=1.0), times(10.0, 1, spread=1.0), times(10.8, 2, spread=1.0)
    assert verdict(Ratio.of(new, base), Ratio.of(again, base), SMALLEST) == "same"


def test_the_interval_holds_the_true_ratio_in_most_runs():
    held = 0
    for seed in range(200):
        ratio = Ratio.of(times(11.0, 2 * seed), times(10.0, 2 * seed + 1))
        assert ratio.low <= ratio.median <= ratio.high
        held += ratio.low <= 1.1 <= ratio.high
    assert held > 180


def test_a_worker_measures_and_gives_the_reason_if_it_cannot():
    pytest.importorskip("sensor_msgs", reason="no ROS 2: the probe reads an image message")
    with Worker(ROOT) as worker:
        assert 0.1 < worker.measure("JPEG message") < 1000.0
        with pytest.raises(RuntimeError, match="KeyError: 'time machine'"):
            worker.measure("time machine")
        assert worker.measure("JPEG message") > 0.1
