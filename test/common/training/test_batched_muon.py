"""Muon in batches against timm's Muon, in both number formats."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from timm.optim import muon
from torch import nn

from localization_common.training import batched_muon
from localization_common.training.optimizers import build_optimizer
from localization_common.training.orthogonalization import orthogonalize

RATE = 0.02


class Layers(nn.Module):
    """Matrices of equal and of different shapes, a kernel in another memory format, and one without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.like_it, self.tall = nn.Linear(48, 16), nn.Linear(48, 16), nn.Linear(16, 48)
        self.kernel = nn.Conv2d(16, 16, 3).to(memory_format=torch.channels_last)
        self.unused = nn.Linear(48, 16)

    def groups(self) -> list[dict[str, object]]:
        matrices = [p for p in self.parameters() if p.ndim > 1]
        biases = [p for p in self.parameters() if p.ndim == 1]
        return [
            {"params": matrices, "weight_decay": 0.1, "use_fallback": False, "lr": RATE},
            {"params": biases, "weight_decay": 0.0, "use_fallback": True, "lr": 0.1 * RATE},
        ]

    def draw_gradients(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for name, parameter in self.named_parameters():
            if not name.startswith("unused"):
                parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_moves_parameters_as_timm_does(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    monkeypatch.setattr(batched_muon, "matrix_format", lambda device: dtype)
    torch.manual_seed(0)
    ours, theirs = Layers(), Layers()
    theirs.load_state_dict(ours.state_dict())
    begin = deepcopy(ours.state_dict())
    mine = batched_muon.BatchedMuon(ours.groups(), RATE)
    other = muon.Muon(
        theirs.groups(), lr=RATE, nesterov=True, ns_coefficients="original", adjust_lr_fn="original", betas=(0.9, 0.999)
    )
    for step in range(4):
        for layers, optimizer in ((ours, mine), (theirs, other)):
            layers.draw_gradients(step)
            optimizer.step()
    assert len(mine.param_groups) == 2
    for name, value in theirs.state_dict().items():
        moved = value - begin[name]
        assert bool((moved == 0.0).all()) == name.startswith("unused"), name
        # timm computes in bfloat16
        assert (ours.state_dict()[name] - value).norm() <= 0.02 * moved.norm(), name


def test_matrices_are_made_orthogonal_in_the_faster_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Require the measured format: in the other one, some CPUs are sixty times slower."""
    matrices = torch.randn(2, 64, 32, generator=torch.Generator().manual_seed(0))
    expected = {
        torch.float32: orthogonalize(matrices, 5, batched_muon._COEFFICIENTS),
        torch.bfloat16: muon.zeropower_via_newtonschulz(matrices, 5, list(batched_muon._COEFFICIENTS)).float(),
    }
    assert not torch.equal(*expected.values())
    for dtype, found in expected.items():
        monkeypatch.setattr(batched_muon, "matrix_format", lambda device, dtype=dtype: dtype)
        assert torch.equal(batched_muon._orthogonal(matrices, 5), found)


def test_all_singular_values_of_an_update_are_alike() -> None:
    weights = nn.Parameter(torch.randn(64, 32))
    optimizer = build_optimizer("muon", [{"params": [weights], "weight_decay": 0.0, "share": 1.0}], 1e-2)
    before = weights.detach().clone()
    weights.grad = torch.randn(64, 32)
    optimizer.step()
    values = torch.linalg.svdvals((weights.detach() - before) / optimizer.param_groups[0]["lr"])
    assert values.max() < 2.5 * values.min()


def test_the_closure_is_evaluated_once_with_gradients() -> None:
    layers, losses = Layers(), []
    layers.draw_gradients(0)

    def closure() -> torch.Tensor:
        losses.append(layers.wide.weight.square().sum())
        return losses[-1]

    assert batched_muon.BatchedMuon(layers.groups(), RATE).step(closure) is losses[0]
    assert len(losses) == 1
    assert losses[0].requires_grad
