"""Gaussian over planar poses, checked at the input: initial poses, and proposals of another localizer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.network import egocentric
from localization_common.errors import InputError
from localization_common.geometry.covariances import is_covariance, without_rounding

Array = npt.NDArray[np.float64]

#: Least standard deviation of a widened Gaussian, metres and radians: a density needs a variance above zero.
_LEAST = 1e-3
#: Least variance of a widened Gaussian, as a share of its largest: smaller ones are lost in rounding.
_LEAST_SHARE = 1e-12


@dataclass(frozen=True)
class PlanarGaussian:
    """Gaussian with mean (3,) and covariance (3, 3) of x, y, yaw in the map: metres, radians.

    Raises:
        InputError: not finite, or the covariance is not symmetric with non-negative variances (up to rounding).
    """

    mean: Array
    covariance: Array

    def __post_init__(self) -> None:
        mean, covariance = (np.asarray(values, dtype=np.float64) for values in (self.mean, self.covariance))
        finite = bool(np.isfinite(mean).all() and np.isfinite(covariance).all())
        if mean.shape != (3,) or covariance.shape != (3, 3) or not finite:
            raise InputError(f"pose {mean.tolist()} and covariance {covariance.shape} must be finite, (3,) and (3, 3)")
        if not is_covariance(covariance):
            raise InputError(f"the covariance of the pose {mean.tolist()} is not symmetric and positive")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", without_rounding(covariance))

    def widened(self, std_d: float, std_a: float) -> PlanarGaussian:
        """Return the Gaussian with added variance, given as standard deviations in metres and radians.

        The added variance is never zero, so that the result has a density even if this covariance is singular.
        """
        least = _LEAST**2 + _LEAST_SHARE * float(np.abs(self.covariance).max())
        added = [max(std**2, least) for std in (std_d, std_d, std_a)]
        return PlanarGaussian(self.mean, self.covariance + np.diag(added))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw poses (count, 3) float32, on the CPU like the generator."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = torch.from_numpy(vectors * np.sqrt(values.clip(min=0.0)))
        noise = torch.randn(count, 3, dtype=torch.float64, generator=generator)
        poses = torch.from_numpy(self.mean) + noise @ root.T
        poses[:, 2] = egocentric.wrap_angle(poses[:, 2])
        return poses.to(torch.float32)

    def log_density(self, poses: Tensor) -> Tensor:
        """Logarithm of the density (K,) per square metre and radian, at poses (K, 3), of a `widened` Gaussian."""
        difference = poses - poses.new_tensor(self.mean)
        difference[:, 2] = egocentric.wrap_angle(difference[:, 2])
        whitening = np.linalg.inv(np.linalg.cholesky(self.covariance))
        constant = float(np.log(np.diag(whitening)).sum()) - 1.5 * math.log(2.0 * math.pi)
        return constant - 0.5 * (difference @ poses.new_tensor(whitening).T).square().sum(dim=1)
