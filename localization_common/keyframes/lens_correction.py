"""Correction of a camera's calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Number of Newton steps; enough for all lenses of this model, up to rounding errors.
_STEPS = 6


@dataclass(frozen=True)
class LensCorrection:
    """Difference between a camera's true rays and the rays of its calibration.

    Attributes:
        focal: ratio of the true focal length to the calibrated one.
        radial: first radial coefficient.
    """

    focal: float = 1.0
    radial: float = 0.0

    def undistort(self, rays: Array) -> Array:
        """Return true rays (N, 2) for rays of the calibration."""
        distorted = rays / self.focal
        bent = self.radial * (distorted**2).sum(axis=1, keepdims=True)
        shrunk = np.ones_like(bent)
        for _ in range(_STEPS):  # Newton, for shrunk * (1 + bent * shrunk^2) = 1
            shrunk -= (shrunk * (1.0 + bent * shrunk**2) - 1.0) / (1.0 + 3.0 * bent * shrunk**2)
        return np.asarray(distorted * shrunk)

    def distort(self, rays: Array) -> Array:
        """Return rays (N, 2) of the calibration for true rays."""
        return np.asarray(rays * self.focal * (1.0 + self.radial * (rays**2).sum(axis=1, keepdims=True)))
