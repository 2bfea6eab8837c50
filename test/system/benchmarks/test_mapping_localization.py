"""Scores of frames that were localized in a map with a frame of its own."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from localization_common.geometry import planar, se3
from localization_common.metrics.alignment import Alignment


@pytest.fixture(scope="module")
def benchmark(import_benchmark: Callable[[str], ModuleType]) -> SimpleNamespace:
    names = ("mapping_localization", "refinement_trials")
    return SimpleNamespace(**{name: import_benchmark(name) for name in names})


def outcome(benchmark: SimpleNamespace, off: list[float], answered: list[bool], truth_T_map: np.ndarray) -> object:
    """Frames whose poses, in a map with its own frame, are off by so many metres."""
    count = len(off)
    truth = planar.to_se3(np.stack([np.arange(count), np.arange(count) % 2, np.zeros(count)], axis=1).astype(float))
    moved = truth.copy()
    moved[:, 1, 3] += off
    return benchmark.refinement_trials.RefinementOutcome(
        truth=truth,
        poses=se3.inverse(truth_T_map) @ moved,
        covariances=np.tile(np.eye(6), (count, 1, 1)),
        confirmed=np.array(answered),
        milliseconds=np.arange(count, dtype=float),
    )


def test_only_answered_frames_are_scored_in_the_frame_of_the_truth(benchmark: SimpleNamespace) -> None:
    truth_T_map = planar.to_se3(np.array([4.0, -2.0, 2.0]))
    frames = outcome(benchmark, [0.01, 0.02, 0.03, 5.0, 0.7], [True, True, True, False, True], truth_T_map)
    numbers = benchmark.mapping_localization.scored(frames, Alignment(truth_T_map))
    assert numbers["frames"] == 5
    assert numbers["answered"] == pytest.approx(0.8)
    assert numbers["median_m"] == pytest.approx(0.025)
    assert numbers["median_deg"] == pytest.approx(0.0, abs=1e-6)
    assert numbers["wrong"] == 1
    assert numbers["p50_ms"] == 2.0


def test_no_answer_has_no_median(benchmark: SimpleNamespace) -> None:
    numbers = benchmark.mapping_localization.scored(outcome(benchmark, [0.0], [False], np.eye(4)), Alignment(np.eye(4)))
    assert (numbers["answered"], numbers["median_m"], numbers["p95_m"], numbers["wrong"]) == (0.0, None, None, 0)
