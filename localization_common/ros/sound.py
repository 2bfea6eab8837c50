"""Numbers that may pass the border of a node: finite, and of a size that a place on Earth can have. No ROS in here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError, LocalizationError

Array = npt.NDArray[np.float64]

#: No frame lies further from its parent than this (metres): Earth-centred frames and UTM grids stay below it.
REACH = 1e8
#: An eigenvalue of a covariance may be this much below zero, relative to the largest: it comes of rounding.
ROUNDING = 1e-6


class EstimateError(LocalizationError):
    """An estimate that must not be published."""


def require_reach(a_T_b: Array) -> None:
    """Refuse a transform (4, 4) that is not finite, or whose translation no robot can have.

    Raises:
        InputError: says the translation.
    """
    if not np.isfinite(a_T_b).all() or np.abs(a_T_b[:3, 3]).max() > REACH:
        raise InputError(f"its translation {a_T_b[:3, 3].tolist()} is not finite or beyond {REACH:.0e} m")


def require_sound(what: str, a_T_b: Array, covariance: Array) -> None:
    """Refuse an estimate that no reader could use.

    Args:
        what: names the estimate in the error.
        a_T_b: (4, 4) pose.
        covariance: (n, n).

    Raises:
        EstimateError: a number is not finite, the pose is beyond `REACH`, or the covariance is not symmetric with
            variances of zero or more.
    """
    try:
        require_reach(a_T_b)
    except InputError as error:
        raise EstimateError(f"{what} is not published: {error}") from error
    if not np.isfinite(covariance).all():
        raise EstimateError(f"{what} is not published: its covariance is not finite")
    largest = float(np.abs(covariance).max())
    symmetric = np.allclose(covariance, covariance.T, rtol=0.0, atol=ROUNDING * largest)
    if not symmetric or np.linalg.eigvalsh(covariance).min() < -ROUNDING * largest:
        raise EstimateError(f"{what} is not published: its covariance is not symmetric with variances of zero or more")
