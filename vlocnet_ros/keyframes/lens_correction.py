"""How a camera differs from its calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

#: Steps that end at rounding errors for any lens that such a model fits.
_STEPS = 6


@dataclass(frozen=True)
class LensCorrection:
    """How a camera's rays differ from what its calibration says.

    Attributes:
        focal: true focal length over the calibrated one.
        radial: first radial coefficient.
    """

    focal: float = 1.0
    radial: float = 0.0

    def undistort(self, rays: Array) -> Array:
        """True rays (N, 2) of those that the calibration gives."""
        distorted = rays / self.focal
        bent = self.radial * (distorted**2).sum(axis=1, keepdims=True)
        shrunk = np.ones_like(bent)
        for _ in range(_STEPS):  # Newton, for shrunk * (1 + bent * shrunk^2) = 1
            shrunk -= (shrunk * (1.0 + bent * shrunk**2) - 1.0) / (1.0 + 3.0 * bent * shrunk**2)
        return np.asarray(distorted * shrunk)

    def distort(self, rays: Array) -> Array:
        """Rays (N, 2) that the calibration gives of true ones."""
        return np.asarray(rays * self.focal * (1.0 + self.radial * (rays**2).sum(axis=1, keepdims=True)))
