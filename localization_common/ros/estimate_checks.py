"""Check of an estimate before its publication: finite, and possible for a place on Earth. Imports no ROS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import LocalizationError
from localization_common.messages.poses import MAX_DISTANCE

Array = npt.NDArray[np.float64]

#: Rounding may make an eigenvalue of a covariance negative by so much, relative to the largest number.
ROUNDING = 1e-6


class EstimateError(LocalizationError):
    """Error: an estimate must not be published."""


def require_publishable(name: str, a_T_b: Array, covariance: Array) -> None:
    """Refuse an estimate that subscribers cannot use.

    Args:
        name: name of the estimate, for the error.
        a_T_b: pose (4, 4).
        covariance: covariance (n, n).

    Raises:
        EstimateError: a number is not finite, the position is beyond `MAX_DISTANCE`, or the covariance is not symmetric
            with variances of zero or more.
    """
    position = a_T_b[:3, 3]
    if not np.isfinite(a_T_b).all():
        raise EstimateError(f"{name} is not published: it is not finite, with position {position.tolist()}")
    if np.abs(position).max() > MAX_DISTANCE:
        raise EstimateError(f"{name} is not published: position {position.tolist()} is beyond {MAX_DISTANCE:.0e} m")
    if not np.isfinite(covariance).all():
        raise EstimateError(f"{name} is not published: its covariance is not finite")
    largest = float(np.abs(covariance).max())
    symmetric = np.allclose(covariance, covariance.T, rtol=0.0, atol=ROUNDING * largest)
    if not symmetric or np.linalg.eigvalsh(covariance).min() < -ROUNDING * largest:
        raise EstimateError(f"{name} is not published: its covariance is not symmetric with variances of zero or more")
