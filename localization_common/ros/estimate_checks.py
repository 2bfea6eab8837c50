"""Check of results before their publication: finite, and possible for a place on Earth. Imports no ROS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.errors import EstimateError
from localization_common.messages.poses import MAX_DISTANCE

Array = npt.NDArray[np.float64]

#: Rounding may make an eigenvalue of a covariance negative by so much, relative to the largest number.
ROUNDING = 1e-6
#: Largest entry by which a rotation times its transpose may differ from the identity.
_UNSTRAIGHT = 1e-3
#: Largest speed, metres or radians per second.
MAX_SPEED = 1e4


def require_publishable(name: str, a_T_b: Array, covariance: Array) -> None:
    """Refuse an estimate that subscribers cannot use.

    Args:
        name: name of the estimate, for the error.
        a_T_b: pose (4, 4).
        covariance: covariance (n, n).

    Raises:
        EstimateError: see `require_pose` and `require_covariance`.
    """
    require_pose(name, a_T_b)
    require_covariance(name, covariance)


def require_pose(name: str, a_T_b: Array) -> None:
    """Refuse a pose (4, 4) that no robot can have.

    Raises:
        EstimateError: a number is not finite, the position is beyond `MAX_DISTANCE`, or the rotation is none.
    """
    position, rotation = a_T_b[:3, 3], a_T_b[:3, :3]
    if not np.isfinite(a_T_b).all():
        raise EstimateError(f"{name} is not published: it is not finite, with position {position.tolist()}")
    if np.abs(position).max() > MAX_DISTANCE:
        raise EstimateError(f"{name} is not published: position {position.tolist()} is beyond {MAX_DISTANCE:.0e} m")
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > _UNSTRAIGHT:
        raise EstimateError(f"{name} is not published: its rotation is none: {rotation.tolist()}")


def require_covariance(name: str, covariance: Array) -> None:
    """Refuse a covariance (n, n) that no filter can use.

    Raises:
        EstimateError: a number is not finite, or larger than the square of `MAX_DISTANCE`; or it is not symmetric with
            variances of zero or more.
    """
    if not np.isfinite(covariance).all():
        raise EstimateError(f"{name} is not published: its covariance is not finite")
    largest = float(np.abs(covariance).max())
    if largest > MAX_DISTANCE**2:
        raise EstimateError(f"{name} is not published: its covariance has the number {largest:.1e}")
    symmetric = np.allclose(covariance, covariance.T, rtol=0.0, atol=ROUNDING * largest)
    if not symmetric or np.linalg.eigvalsh(covariance).min() < -ROUNDING * largest:
        raise EstimateError(f"{name} is not published: its covariance is not symmetric with variances of zero or more")


def require_twist(name: str, twist: Array, covariance: Array) -> None:
    """Refuse a velocity (6,) and its covariance (6, 6).

    Raises:
        EstimateError: a number is not finite, the speed is beyond `MAX_SPEED`, or see `require_covariance`.
    """
    if not np.isfinite(twist).all() or np.abs(twist).max() > MAX_SPEED:
        raise EstimateError(f"{name} is not published: its velocity is {twist.tolist()}")
    require_covariance(f"the velocity of {name}", covariance)


def require_planar(name: str, poses: Array, weights: Array | None = None) -> None:
    """Refuse planar poses (K, 3), such as particles or views, and their weights (K,).

    Raises:
        EstimateError: a number is not finite, a position is beyond `MAX_DISTANCE`, or a weight is negative, or all are
            zero.
    """
    wrong = ~(np.isfinite(poses).all(axis=1) & (np.abs(poses[:, :2]) <= MAX_DISTANCE).all(axis=1))
    if wrong.any():
        first = poses[wrong.argmax()].tolist()
        raise EstimateError(f"{name}: {int(wrong.sum())} of {len(poses)} are not published: the first is at {first}")
    if weights is not None and not (np.isfinite(weights).all() and weights.min() >= 0.0 and weights.sum() > 0.0):
        raise EstimateError(f"{name} are not published: their weights are not finite and positive")


def require_finite(name: str, values: npt.NDArray[np.floating]) -> None:
    """Refuse values that would become pixels of a message.

    Raises:
        EstimateError: a value is not finite.
    """
    if wrong := values.size - int(np.isfinite(values).sum()):
        raise EstimateError(f"{name} is not published: {wrong} of {values.size} values are not finite")
