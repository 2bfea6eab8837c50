"""Probability that a pose is near the true one, by its covariance."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

#: Errors that a good pose stays below: metres, radians. These are the limits of 7-Scenes' coarse localization.
NEAR_D, NEAR_A = 0.25, math.radians(5.0)


def probability_near(covariance: npt.NDArray[np.float64]) -> float:
    """Return the probability that the position in the plane is off by less than `NEAR_D`, the heading by `NEAR_A`.

    The errors are Gaussian. Position and heading count as independent, and the position as equally certain in all
    directions, with the mean of the two variances.

    Args:
        covariance: (3, 3) of x, y, yaw, or (6, 6) of x y z rX rY rZ: metres and radians.
    """
    variance, turning = 0.5 * (covariance[0, 0] + covariance[1, 1]), float(covariance[-1, -1])
    position = -math.expm1(-0.5 * NEAR_D**2 / variance) if variance > 0.0 else 1.0
    heading = math.erf(NEAR_A / math.sqrt(2.0 * turning)) if turning > 0.0 else 1.0
    return float(position * heading)
