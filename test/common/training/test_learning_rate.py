"""Learning-rate schedule: values at the start, in the warm-up, in the middle, near the end and after it."""

import math

import pytest

from localization_common.training.learning_rate import warm_up_and_cosine


@pytest.mark.parametrize(
    ("step", "progress", "expected"),
    [
        (0, 0.0, 1e-3 / 200),
        (99, 0.0, 0.5e-3),
        (199, 0.0, 1e-3),
        (1000, 0.25, 1e-3 * (0.5 + math.sqrt(0.125))),
        (1000, 0.5, 0.5e-3),
        (99, 0.5, 0.25e-3),
        (1000, 0.9, 1e-3 * 0.024471741852423234),
        (1000, 0.95, 1e-5),
        (1000, 1.0, 1e-5),
        (1000, 1.7, 1e-5),
    ],
)
def test_rate_rises_over_the_warm_up_and_falls_as_a_cosine_to_the_floor(step, progress, expected):
    assert warm_up_and_cosine(1e-3, step, progress, warm_up=200, floor=0.01) == pytest.approx(expected, rel=1e-12)


def test_floor_and_peak_are_the_callers():
    assert warm_up_and_cosine(2.0, 500, 1.0, warm_up=100, floor=0.002) == 0.004
    assert warm_up_and_cosine(2.0, 500, 1.0, warm_up=100, floor=0.0) == 0.0
