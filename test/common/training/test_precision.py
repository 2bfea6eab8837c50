"""Number format of a training."""

from __future__ import annotations

import pytest
import torch

from localization_common.training import precision
from localization_common.training.precision import chosen_precision


def test_a_format_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda half: pytest.fail("measured"))
    assert chosen_precision("32-true", "cpu") == "32-true"
    assert chosen_precision("bf16-mixed", "cpu") == "bf16-mixed"


@pytest.mark.parametrize(("half", "expected"), [(0.03, "bf16-mixed"), (0.08, "32-true")])
def test_the_faster_format_of_this_cpu_is_taken(monkeypatch: pytest.MonkeyPatch, half: float, expected: str) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda is_half: half if is_half else 0.05)
    assert chosen_precision("auto", "cpu") == expected


def test_both_formats_are_measured_also_without_gradients() -> None:
    with torch.no_grad():
        assert precision._seconds(True) > 0.0
        assert precision._seconds(False) > 0.0


def test_gpus_multiply_matrices_in_bfloat16() -> None:
    assert precision.matrix_format("cuda") == torch.bfloat16
    assert precision.matrix_format("cpu") in (torch.float32, torch.bfloat16)  # measured
