"""Estimates that may leave a node: finite, and of a size that a place on Earth can have. No ROS in here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import LocalizationError
from localization_common.messages.poses import MAX_DISTANCE

Array = npt.NDArray[np.float64]

#: An eigenvalue of a covariance may be this much below zero, relative to the largest: it comes of rounding.
ROUNDING = 1e-6


class EstimateError(LocalizationError):
    """An estimate that must not be published."""


def require_sound(what: str, a_T_b: Array, covariance: Array) -> None:
    """Refuse an estimate that no reader could use.

    Args:
        what: names the estimate in the error.
        a_T_b: (4, 4) pose.
        covariance: (n, n).

    Raises:
        EstimateError: a number is not finite, the position is beyond `MAX_DISTANCE`, or the covariance is not symmetric
            with variances of zero or more.
    """
    position = a_T_b[:3, 3]
    if not np.isfinite(a_T_b).all():
        raise EstimateError(f"{what} is not published: it is not finite, with position {position.tolist()}")
    if np.abs(position).max() > MAX_DISTANCE:
        raise EstimateError(f"{what} is not published: position {position.tolist()} is beyond {MAX_DISTANCE:.0e} m")
    if not np.isfinite(covariance).all():
        raise EstimateError(f"{what} is not published: its covariance is not finite")
    largest = float(np.abs(covariance).max())
    symmetric = np.allclose(covariance, covariance.T, rtol=0.0, atol=ROUNDING * largest)
    if not symmetric or np.linalg.eigvalsh(covariance).min() < -ROUNDING * largest:
        raise EstimateError(f"{what} is not published: its covariance is not symmetric with variances of zero or more")
