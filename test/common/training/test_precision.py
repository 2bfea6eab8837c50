"""Number format of a training."""

from __future__ import annotations

import pytest
import torch

from localization_common.training import precision
from localization_common.training.optimizers import build_optimizer
from localization_common.training.orthogonalization import orthogonalize
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


def test_matrices_are_made_orthogonal_in_the_faster_format() -> None:
    """Check that Muon takes the measured format: in the other one, some CPUs are sixty times slower."""
    from timm.optim import muon

    assert precision.matrix_format("cuda") == torch.bfloat16
    chosen = precision.matrix_format("cpu")
    weights = torch.nn.Parameter(torch.randn(64, 32))
    groups = [{"params": [weights], "weight_decay": 0.0, "share": 1.0}]
    optimizer = build_optimizer("muon", groups, 1e-2)
    assert (muon.zeropower_via_newtonschulz is orthogonalize) == (chosen == torch.float32)
    before = weights.detach().clone()
    weights.grad = torch.randn(64, 32)
    optimizer.step()
    values = torch.linalg.svdvals((weights.detach() - before) / optimizer.param_groups[0]["lr"])
    assert values.max() < 2.5 * values.min()
