"""Covariance of a consensus from the scatter and the predicted errors of its poses; fitted to held-out frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import CheckpointError
from vlocnet_ros.runtime.integrity.consensus import Agreement

Array = npt.NDArray[np.float64]

#: Number of newest poses whose residuals have an entry of their own in the evidence.
_RECENT = 10
#: Metres and radians below which scatter has no information.
_FLOOR = 0.01


def evidence(agreement: Agreement) -> Array:
    """Evidence (6,) of the accuracy of a consensus.

    One; logarithms of the scatter's largest standard deviation (metres), of the newest poses' median distance (metres),
    and of the rotations' scatter (radians); means of the logarithms of the predicted errors (metres, radians).
    """
    weights = agreement.weights / agreement.weights.sum()
    scatter = np.einsum("n,ni,nj->ij", weights, agreement.offsets, agreement.offsets)
    widest = np.sqrt(max(0.0, float(np.linalg.eigvalsh(scatter)[-1])))
    recent = float(np.median(np.linalg.norm(agreement.offsets[-_RECENT:], axis=-1)))
    turned = float(np.sqrt(weights @ agreement.angles**2))
    return np.array([1.0, *np.log(np.array([widest, recent, turned]) + _FLOOR), *(weights @ agreement.expected)])


@dataclass(frozen=True)
class Uncertainty:
    """Covariance model: scales are powers of the evidence, the correlation is constant.

    Attributes:
        position, rotation: (6,) exponents: the scale, in metres and radians, is exp(exponents . evidence). Files that
            were written before errors were predicted have (4,).
        shape: (6, 6) second moments of errors in units of their scales, x y z rX rY rZ about the map's axes.
    """

    position: tuple[float, ...]
    rotation: tuple[float, ...]
    shape: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        exponents, shape = np.array([self.position, self.rotation]), np.array(self.shape)
        if exponents.shape not in ((2, 6), (2, 4)) or shape.shape != (6, 6) or not np.isfinite(exponents).all():
            raise CheckpointError(f"uncertainty: {exponents.shape}, {shape.shape} are not finite (2, 6) and (6, 6)")
        if not np.isfinite(shape).all() or np.linalg.eigvalsh(shape)[0] <= 0.0:
            raise CheckpointError("uncertainty: shape is not positive definite")

    def scales(self, evidence: Array) -> Array:
        """Scales (..., 6) of the errors for evidence (..., 6)."""
        exponents = np.array([self.position] * 3 + [self.rotation] * 3)
        scales: Array = np.exp(np.clip(evidence[..., : exponents.shape[1]] @ exponents.T, -10.0, 5.0))
        return scales

    def covariance(self, evidence: Array) -> Array:
        """Covariance (6, 6) for evidence (6,)."""
        scales = self.scales(evidence)
        return scales[:, None] * np.array(self.shape) * scales
