"""Scores of observation models that are perfect, ambiguous or constant."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drawn_worlds import CodedQuery, CodeReader, coded
from numpy.typing import NDArray
from torch import Tensor

from dmn_ros.worlds.world_config import WorldEvaluationConfig
from dmn_ros.worlds.world_evaluation import evaluate_baselines, evaluate_worlds, fit_likelihood_exponents
from localization_common.datasets.world_difficulty import measure_difficulty
from localization_common.errors import DatasetError


@pytest.mark.parametrize("regression", [False, True])
def test_a_perfect_model_is_always_right(regression: bool) -> None:
    numbers = evaluate_worlds(CodeReader(200.0), coded(), WorldEvaluationConfig(), regression=regression)  # type: ignore[arg-type]
    assert numbers["trials"] == 150
    for setting in ("one_step", "sequential"):
        for found in numbers[setting].values():
            assert found["success"] == 1.0
            assert found["mse"] < 0.02
    for found in numbers["tracking"].values():  # of 256 particles, none may be near
        assert found["success"] > 0.95
        assert found["mse"] < 0.04
    assert set(numbers["sequential"]) == ({"mean"} if regression else {"mean", "most_likely", "densest"})
    assert numbers["sequential"]["mean"]["success_by_image"] == [1.0] * 5


class _Ambiguous(CodeReader):
    """Observation model with a second, less probable place at the other side of the centre."""

    def log_likelihood(self, prepared: None, query: CodedQuery, particles: Tensor) -> Tensor:
        opposite = particles * particles.new_tensor([-1.0, -1.0, 1.0])
        here, there = (super(_Ambiguous, self).log_likelihood(prepared, query, p) for p in (particles, opposite))
        return torch.logaddexp(here, there - 0.7)


def test_the_densest_place_is_right_where_the_mean_is_between_two() -> None:
    numbers = evaluate_worlds(_Ambiguous(50.0), coded(), WorldEvaluationConfig())["one_step"]  # type: ignore[arg-type]
    assert numbers["densest"]["success"] > max(0.9, numbers["mean"]["success"] + 0.3)


def test_a_constant_likelihood_gives_the_uninformed_estimate() -> None:
    worlds, config = coded(), WorldEvaluationConfig()
    numbers = evaluate_worlds(CodeReader(0.0), worlds, config)  # type: ignore[arg-type]
    baselines = evaluate_baselines(worlds, config)
    for setting in ("one_step", "sequential", "tracking"):
        found_numbers, expected = numbers[setting]["mean"], baselines["uninformed"][setting]["mean"]
        assert found_numbers["mse"] == pytest.approx(expected["mse"], abs=1e-4)
        assert found_numbers["success"] == pytest.approx(expected["success"], abs=0.01)
    level = measure_difficulty(worlds, contexts=4, queries=6)
    assert numbers["one_step"]["mean"]["success"] == pytest.approx(level.uninformed, abs=0.07)
    assert baselines["closest_context"]["one_step"]["mean"]["success"] == pytest.approx(level.closest_context, abs=0.1)
    first = evaluate_worlds(CodeReader(0.0), worlds, WorldEvaluationConfig(length=1))  # type: ignore[arg-type]
    assert first["tracking"]["mean"]["mse"] == pytest.approx(2 * 0.3**2, rel=0.2)


def test_the_fitted_powers_of_likelihoods_are_those_that_are_most_often_right() -> None:
    worlds, reader = coded(30), CodeReader(1.0)

    def right(*exponents: float) -> NDArray[np.float64]:
        varied = WorldEvaluationConfig(likelihood_exponent=exponents, trajectories=4)
        numbers = evaluate_worlds(reader, worlds, varied)  # type: ignore[arg-type]
        return np.array(numbers["sequential"]["mean"]["success_by_image"])

    fitted = fit_likelihood_exponents(reader, worlds, WorldEvaluationConfig())  # type: ignore[arg-type]
    tried = np.stack([right(e) for e in (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)])
    np.testing.assert_array_equal(right(*fitted), tried.max(axis=0))
    assert right(*fitted).mean() > right(1.0).mean() + 0.02
    assert len(set(fitted)) > 1


def test_the_last_power_is_that_of_all_further_images() -> None:
    def success(*exponents: float) -> list[float]:
        config = WorldEvaluationConfig(likelihood_exponent=exponents)
        numbers = evaluate_worlds(CodeReader(1.0), coded(30), config)  # type: ignore[arg-type]
        return numbers["sequential"]["mean"]["success_by_image"]  # type: ignore[no-any-return]

    assert success(8.0, 0.1) == success(8.0)[:1] + success(0.1)[1:]


def test_evaluation_depends_on_the_seed_only_and_needs_enough_views() -> None:
    worlds = coded(20)
    results = [
        evaluate_worlds(CodeReader(5.0), worlds, WorldEvaluationConfig(seed=seed))  # type: ignore[arg-type]
        for seed in (0, 0, 1)
    ]
    assert results[0] == results[1] != results[2]
    with pytest.raises(DatasetError, match="contexts"):
        evaluate_worlds(CodeReader(5.0), worlds, WorldEvaluationConfig(contexts=8))  # type: ignore[arg-type]
