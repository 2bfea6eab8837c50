"""Nearest orthogonal matrix by Newton and Schulz's iteration, for Muon."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def orthogonalize(
    matrices: Tensor, steps: int, coefficients: Sequence[tuple[float, float, float]], eps: float = 1e-7
) -> Tensor:
    """Orthogonalize matrices (B, M, N) approximately, as `timm.optim.muon.zeropower_via_newtonschulz` does.

    Each step is ``X <- (a I + b A + c A A) X`` with ``A = X X'``. All these polynomials of the first ``A`` commute, so
    their product P and the next ``A`` follow from small square matrices alone, and ``X`` is multiplied once, at the
    end. For the wide matrices of 3x3 convolutions this takes less than half of the arithmetic. It needs single
    precision: in bfloat16, the small singular values would be lost in ``A``.

    Args:
        matrices: (B, M, N) gradients.
        steps: number of steps.
        coefficients: a, b, c of the first steps; the last ones are repeated.
        eps: least norm by which a matrix is divided.
    """
    x = matrices.float()
    tall = x.shape[1] > x.shape[2]
    wide = x.mT if tall else x
    wide = wide / torch.linalg.matrix_norm(wide, keepdim=True).clamp_min(eps)
    gram = wide @ wide.mT
    product: Tensor | None = None
    for step in range(steps):
        a, b, c = coefficients[min(step, len(coefficients) - 1)]
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        polynomial.diagonal(dim1=1, dim2=2).add_(a)
        product = polynomial if product is None else polynomial @ product
        if step + 1 < steps:
            gram = polynomial @ gram @ polynomial
    found = wide if product is None else product @ wide
    return found.mT if tall else found
