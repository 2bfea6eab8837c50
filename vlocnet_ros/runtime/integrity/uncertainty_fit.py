"""Fit of `Uncertainty` to the errors on held-out frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty

Array = npt.NDArray[np.float64]

#: Degrees of freedom of Student's t: a few gross errors should not widen all covariances.
_FREEDOM = 6.0
#: Weight of the penalty on exponents, in standardised units.
_RIDGE = 1e-2


def fit_uncertainty(evidence: Array, errors: Array) -> Uncertainty | None:
    """Maximum likelihood scales of errors (N, 6), x y z rX rY rZ, given evidence (N, 6).

    Returns:
        None where the evidence is constant: it has no information.
    """
    if len(evidence) < 20 or np.ptp(evidence[:, 1:], axis=0).max() < 1e-6:
        return None
    exponents = [_fit(evidence, np.mean(errors[:, part] ** 2, axis=1)) for part in (slice(0, 3), slice(3, 6))]
    flat = Uncertainty(exponents[0], exponents[1], tuple(map(tuple, np.eye(6).tolist())))
    units = errors / flat.scales(evidence)
    shape = units.T @ units / len(units) + 1e-6 * np.eye(6)
    return Uncertainty(exponents[0], exponents[1], tuple(map(tuple, shape.tolist())))


def _fit(evidence: Array, squares: Array) -> tuple[float, ...]:
    """Exponents for mean squares (N,) of three components."""
    mean, spread = evidence[:, 1:].mean(0), evidence[:, 1:].std(0) + 1e-9
    x = torch.from_numpy((evidence[:, 1:] - mean) / spread)
    y = torch.from_numpy(squares)
    slopes = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    offset = (0.5 * y.clamp_min(1e-12).log().median()).clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([slopes, offset], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        log_scale = x @ slopes + offset
        tails = torch.log1p(3.0 * y * torch.exp(-2.0 * log_scale) / _FREEDOM)
        value = (3.0 * log_scale + 0.5 * (_FREEDOM + 3.0) * tails).mean() + _RIDGE * slopes.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    powers = slopes.detach().numpy() / spread
    return (float(offset.detach()) - float(powers @ mean), *powers.tolist())
