"""Optimisers of all trainings: AdamW, or Muon, which updates matrices of weights as a whole.

Muon (Jordan et al. 2024, as in timm) replaces the momentum of a matrix by the nearest orthogonal one, so that
directions with small gradients are learned as fast as others. Kernels of convolutions are matrices, too: one row for
each output. Parameters that are no matrix (biases and scales) and narrow matrices are updated by AdamW with Nesterov's
momentum.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from localization_common.errors import ConfigError

Algorithm = Literal["adamw", "muon"]

#: Muon's learning rate, as a multiple of AdamW's.
_MUON_RATE = 10.0
#: Smallest number of rows and of columns of a matrix.
_NARROWEST = 16


def build_optimizer(
    algorithm: Algorithm,
    groups: Iterable[dict[str, Any]],
    learning_rate: float,
    *,
    eps: float = 1e-8,
    fused: bool = False,
) -> torch.optim.Optimizer:
    """Build an optimiser over groups of parameters.

    Args:
        algorithm: name of the optimiser.
        groups: groups with ``params``, ``weight_decay``, and ``share``: the factor on the learning rate. The
            optimiser's own groups have ``share``, too, for schedules: ``group["lr"] = rate * group["share"]``.
        learning_rate: learning rate of AdamW.
        eps: epsilon of ``adamw``.
        fused: True for ``adamw`` in one kernel; Lightning cannot clip its gradients.

    Raises:
        ConfigError: there is no such algorithm.
    """
    if algorithm not in get_args(Algorithm):
        raise ConfigError(f"algorithm: {algorithm!r} is not one of {', '.join(get_args(Algorithm))}")
    if algorithm == "adamw":
        own = [{**group, "lr": learning_rate * group["share"]} for group in groups]
        return torch.optim.AdamW(own, lr=learning_rate, eps=eps, fused=fused)
    from localization_common.training.batched_muon import BatchedMuon  # timm is slow to import

    return BatchedMuon((part for group in groups for part in _split(group, learning_rate)), learning_rate)


def _split(group: dict[str, Any], learning_rate: float) -> list[dict[str, Any]]:
    """Divide a group into its matrices and its other parameters."""
    parameters = list(group["params"])
    parts = {True: [p for p in parameters if is_matrix(p)], False: [p for p in parameters if not is_matrix(p)]}
    found = []
    for muon, chosen in parts.items():
        factor = _MUON_RATE if muon else 1.0
        share, decay = group["share"] * factor, group["weight_decay"] / factor
        own = {"params": chosen, "share": share, "weight_decay": decay, "use_fallback": not muon}
        found.append({**own, "lr": learning_rate * share})
    return [part for part in found if part["params"]]


def is_matrix(parameter: Tensor) -> bool:
    """Return True if Muon updates this parameter."""
    return parameter.ndim > 1 and min(parameter.shape[0], parameter[0].numel()) >= _NARROWEST
