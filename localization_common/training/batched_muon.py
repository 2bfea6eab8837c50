"""Muon that updates all matrices of one shape together: fewer and larger products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from timm.optim.muon import Muon, get_lr_scale, zeropower_via_newtonschulz
from torch import Tensor

from localization_common.training.orthogonalization import orthogonalize
from localization_common.training.precision import matrix_format

#: Polynomial of Newton and Schulz's iteration (Jordan et al. 2024).
_COEFFICIENTS = ((3.4445, -4.7750, 2.0315),)


class BatchedMuon(Muon):
    """Muon of timm, whose groups with ``use_fallback`` it updates; the matrices of other groups are updated in batches.

    Args:
        groups: groups of parameters with ``use_fallback``, ``lr`` and ``weight_decay``.
        lr: learning rate of groups without one.
    """

    def __init__(self, groups: Iterable[dict[str, Any]], lr: float) -> None:
        super().__init__(list(groups), lr=lr, nesterov=True, adjust_lr_fn="original", betas=(0.9, 0.999))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient; return the result of the closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        groups = self.param_groups
        try:
            self.param_groups = [group for group in groups if group["use_fallback"]]
            super().step()  # type: ignore[no-untyped-call]
        finally:
            self.param_groups = groups
        for group in groups:
            if not group["use_fallback"]:
                self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        alike: defaultdict[torch.Size, list[Tensor]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike[parameter.flatten(1).shape].append(parameter)
        rate, momentum = group["lr"], group["momentum"]
        for shape, parameters in alike.items():
            gradients = [p.grad for p in parameters if p.grad is not None]
            averages = [self._average(p) for p in parameters]
            torch._foreach_lerp_(averages, gradients, 1.0 - momentum)
            updates = torch._foreach_lerp(gradients, averages, momentum)  # Nesterov's momentum
            turned = _orthogonal(torch.stack([update.flatten(1) for update in updates]), group["ns_steps"])
            torch._foreach_mul_(parameters, 1.0 - rate * group["weight_decay"])
            scale = rate * get_lr_scale(shape, group["adjust_lr_fn"])
            torch._foreach_add_(
                parameters, [t.view(p.shape) for t, p in zip(turned, parameters, strict=True)], alpha=-scale
            )

    def _average(self, parameter: Tensor) -> Tensor:
        """Return the running average of a parameter's gradients; zeros at first."""
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        return state["momentum_buffer"]


def _orthogonal(matrices: Tensor, steps: int) -> Tensor:
    """Orthogonalize matrices (B, M, N) in the faster number format of their device."""
    if matrix_format(matrices.device.type) == torch.float32:
        return orthogonalize(matrices, steps, _COEFFICIENTS).contiguous()
    return zeropower_via_newtonschulz(matrices, steps, list(_COEFFICIENTS)).to(matrices.dtype).contiguous()
