"""Recognition of odometry that starts again at its origin, as that of a restarted driver does. Imports no ROS.

The twist of the messages is not used: many drivers leave it zero or write it in another unit, and the motion before is
enough.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]
Stamped = tuple[int, Array]

#: Metres a second that no robot drives: faster odometry is not used.
MAX_SPEED = 100.0
#: Largest error of a pose's stamp, seconds.
JITTER = 0.1
#: Accelerations that no vehicle exceeds, m/s^2 and rad/s^2.
_ACCELERATION = np.array([10.0, 20.0])
#: Steps of coarse odometry, or of wheels that slip, metres and radians; smaller steps that need no explanation.
_COARSE, _SMALL = np.array([0.25, 0.3]), np.array([0.05, 0.1])
#: Odometry that differs by less from its origin is at its origin: metres, radians. By driving it does not return there.
_SAME = np.array([1e-3, 1e-3])
#: Factor of the largest step before that is no unusual step.
_ROUGH = 1.5
#: Longest interval between two messages, in seconds and in usual intervals, that is no gap.
_GAP, _INTERVALS = 0.5, 3.0
#: Poses whose motion is the motion before: of the last nanoseconds, at least and at most so many.
_RECENT, _FEWEST, _MOST = 2_000_000_000, 100, 400
#: Shortest time that gives a speed, nanoseconds.
_LEAST = 100_000_000


class OdometryRestart:
    """Doubt about a pose at which the odometry may have started again; the pose after it decides.

    A single wrong pose changes nothing. Two odometries that come in turn jump between the origin and the place where
    the odometry was before: both are places where a series may begin.
    """

    def __init__(self) -> None:
        self._doubted: Stamped | None = None
        self._left: Array | None = None

    def reset(self) -> None:
        """Forget the pose in doubt, and the place where the odometry was before."""
        self._doubted = self._left = None

    def leave(self, pose: Array) -> None:
        """Keep the last pose (4, 4) of a series that has ended."""
        self._doubted, self._left = None, pose

    def doubts(self, stamps: Sequence[int], poses: Sequence[Array], new: Stamped, origin: Array) -> bool:
        """Return True if a pose after a series seems to begin another one; it is in doubt then, see `starts_again`."""
        places = [origin] if self._left is None else [origin, self._left]
        if not starts_again(stamps, poses, *new, places):
            return False
        self._doubted = new
        return True

    def confirmed(self, last: Array, new: Stamped) -> Stamped | None:
        """Return the pose in doubt if a new one is nearer to it than to the last pose before; None if it was wrong."""
        doubted, self._doubted = self._doubted, None
        if doubted is None or too_fast(doubted, new):
            return None
        nearer = difference(doubted[1], new[1]).sum() < difference(last, new[1]).sum()
        return doubted if nearer else None


def starts_again(
    stamps: Sequence[int], poses: Sequence[Array], stamp: int, pose: Array, places: Sequence[Array]
) -> bool:
    """Return True if a pose does not continue a series of poses, but begins another one at one of some places.

    Either the step to it is more than the motion before and any acceleration explain, while the way from the place is
    not. Or it is exactly at the origin, after a gap or after a step that the motion before does not explain.

    Args:
        stamps: ascending stamps of the series, nanoseconds.
        poses: their poses (4, 4).
        stamp: later stamp, nanoseconds.
        pose: its pose (4, 4).
        places: poses (4, 4) where another series may begin; the first one is the origin.
    """
    if len(stamps) < 2:
        return False  # without a speed, nothing is known of the next step
    step = difference(poses[-1], pose)
    if (step <= _SMALL).all():
        return False
    seconds = (stamp - stamps[-1]) * 1e-9
    time = seconds + JITTER
    speed, largest, interval = _motion(stamps, poses)
    possible = np.maximum(speed * time + 0.5 * _ACCELERATION * time**2 + _COARSE, _ROUGH * largest)
    if (step > possible).any() and any((difference(place, pose) <= possible).all() for place in places):
        return True
    if (difference(places[0], pose) > _SAME).any():
        return False
    usual = np.maximum(2.0 * speed * time, _ROUGH * largest) + _SMALL
    return seconds > max(_GAP, _INTERVALS * interval) or bool((step > usual).any())


def too_fast(one: Stamped, other: Stamped) -> bool:
    """Return True if no robot drives from one pose to the other between their stamps."""
    seconds = abs(other[0] - one[0]) * 1e-9 + JITTER
    return float(difference(one[1], other[1])[0]) > MAX_SPEED * seconds


def difference(a_T_b: Array, a_T_c: Array) -> Array:
    """Metres and radians (..., 2) between poses (..., 4, 4)."""
    metres = np.linalg.norm(a_T_c[..., :3, 3] - a_T_b[..., :3, 3], axis=-1)
    radians = se3.rotation_angle(np.swapaxes(a_T_b[..., :3, :3], -2, -1) @ a_T_c[..., :3, :3])
    return np.stack([metres, radians], axis=-1)


def _motion(stamps: Sequence[int], poses: Sequence[Array]) -> tuple[Array, Array, float]:
    """Measure the motion at the end of a series of two poses or more.

    Returns:
        Largest speed (2,) of a step and of the motion to the last pose, m/s and rad/s; largest step (2,) between two
        poses, metres and radians; mean interval, seconds.
    """
    recent = bisect.bisect_left(stamps, stamps[-1] - _RECENT)
    first = max(0, len(stamps) - _MOST, min(recent, len(stamps) - _FEWEST))
    times, last = np.array(stamps[first:]), np.stack(poses[first:])
    steps, ways = difference(last[:-1], last[1:]), difference(last[:-1], last[-1])
    speeds = np.concatenate([_over(np.diff(times), steps), _over(times[-1] - times[:-1], ways)])
    return speeds.max(axis=0), steps.max(axis=0), float(times[-1] - times[0]) * 1e-9 / len(steps)


def _over(nanoseconds: npt.NDArray[np.int64], moved: Array) -> Array:
    """Speeds (N, 2) of motions (N, 2) over times (N,)."""
    return np.asarray(moved / (np.maximum(nanoseconds, _LEAST) * 1e-9)[:, None])
