"""Correction of the odometry's drift over time: map->odom without jumps while tracking. Imports no ROS."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]

#: A pose so far from the corrected odometry is a relocalisation: metres, radians.
JUMP_D, JUMP_A = 0.5, math.radians(30.0)
#: The robot stands if its odometry is slower than this over `_WINDOW` seconds: metres and radians a second.
_STILL_D, _STILL_A = 0.01, math.radians(0.5)
_WINDOW = 0.2
#: Odometry that moves less than this from one pose to the next does not move: metres, radians.
_SAME_D, _SAME_A = 1e-4, 1e-4
#: While the robot stands, only a mean offset beyond this is corrected, until it is below the second pair.
_HELD_D, _HELD_A = 0.05, math.radians(2.5)
_SETTLED_D, _SETTLED_A = 0.005, math.radians(0.2)
#: Seconds over which the offset of a robot that stands is averaged.
_AVERAGED = 2.0
#: Longest time between two poses that counts for the speed, seconds: a gap must not end in a jump.
_LONGEST = 1.0


@dataclass(frozen=True)
class Correction:
    """Correction to broadcast.

    Attributes:
        map_T_odom: (4, 4).
        jump: distance (metres) and angle (radians) of a relocalisation; None while tracking, and at the start.
    """

    map_T_odom: Array
    jump: tuple[float, float] | None = None


class MapCorrection:
    """Follows the poses of a localizer with map->odom.

    While the robot drives, the correction moves with a bounded speed, measured at the robot's base: a turn of
    map->odom about a distant origin must not move the robot. A transform that is dated ahead is in use when the robot
    has driven on, so that its turn moves the robot, too: both together are bounded, and the turn comes first, because a
    wrong heading makes the position worse. While the robot stands, it does not move, unless the mean
    offset shows that the pose is wrong. A pose that is far off is a relocalisation, and so is the first pose after
    `relocalize`: then the correction jumps once.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything: the next pose is used in full, as a start."""
        self._map_T_odom: Array | None = None
        self._stamp = 0
        self._awaited = False
        self._driven: deque[tuple[int, Array]] = deque()
        self._forget_offset()

    def relocalize(self) -> None:
        """Use the next pose in full: a user has set it, or the belief began anew."""
        self._awaited = True

    def next(
        self,
        stamp: int,
        map_T_base: Array,
        odom_T_base: Array,
        *,
        speed: float,
        turning: float,
        ahead: float = 0.0,
    ) -> Correction:
        """Return the correction after a pose.

        Args:
            stamp: nanoseconds.
            map_T_base: (4, 4) pose of the localizer.
            odom_T_base: (4, 4) odometry at this stamp.
            speed: largest speed of the correction, m/s; 0 uses every pose in full.
            turning: largest angular speed of the correction, rad/s; 0 for no bound.
            ahead: seconds by which the transform is dated ahead.
        """
        elapsed = min(max(0.0, (stamp - self._stamp) * 1e-9), _LONGEST)
        stands = self._stands(stamp, odom_T_base)
        self._stamp = stamp
        if self._map_T_odom is None:
            return self._jump(map_T_base, odom_T_base, None)
        now_T_base = self._map_T_odom @ odom_T_base
        shift = map_T_base[:3, 3] - now_T_base[:3, 3]
        turn = se3.log(se3.inverse(now_T_base) @ map_T_base)[3:]
        distance, angle = float(np.linalg.norm(shift)), float(np.linalg.norm(turn))
        if self._awaited or distance > JUMP_D or angle > JUMP_A:
            return self._jump(map_T_base, odom_T_base, (distance, angle))
        if speed == 0.0:
            return self._jump(map_T_base, odom_T_base, None)
        if not stands:
            self._forget_offset()
        elif not self._must_settle(np.concatenate([shift, turn]), elapsed):
            return Correction(self._map_T_odom)
        allowed, lever = speed * elapsed, self._speed * ahead
        turned = min(_share(turning * elapsed, angle) if turning else 1.0, _share(allowed, angle * lever))
        moved = se3.interpolate(now_T_base, map_T_base, turned)
        moved[:3, 3] = now_T_base[:3, 3] + _share(allowed - turned * angle * lever, distance) * shift
        self._map_T_odom = map_T_odom(moved, odom_T_base)
        return Correction(self._map_T_odom)

    def _jump(self, map_T_base: Array, odom_T_base: Array, jump: tuple[float, float] | None) -> Correction:
        self._map_T_odom = map_T_odom(map_T_base, odom_T_base)
        self._awaited = False
        self._forget_offset()
        return Correction(self._map_T_odom, jump)

    def _stands(self, stamp: int, odom_T_base: Array) -> bool:
        """Return True if the odometry does not move; remember it."""
        driven = self._driven
        if driven and stamp <= driven[-1][0]:
            driven.clear()
        driven.append((stamp, odom_T_base))
        while len(driven) > 2 and (stamp - driven[1][0]) * 1e-9 >= _WINDOW:
            driven.popleft()
        if len(driven) < 2:
            return False
        (start, first), (_, last) = driven[0], driven[-2]
        seconds = (stamp - start) * 1e-9
        slow = se3.within(first, odom_T_base, _STILL_D * seconds, _STILL_A * seconds)
        return slow or se3.within(last, odom_T_base, _SAME_D, _SAME_A)

    @property
    def _speed(self) -> float:
        """Speed of the odometry over the last `_WINDOW` seconds, m/s."""
        (start, first), (end, last) = self._driven[0], self._driven[-1]
        return float(np.linalg.norm(last[:3, 3] - first[:3, 3])) / max((end - start) * 1e-9, 1e-3)

    def _forget_offset(self) -> None:
        self._offset = np.zeros(6)
        self._settling = False

    def _must_settle(self, offset: Array, elapsed: float) -> bool:
        """Return True if a robot that stands has a wrong pose: its mean offset (6,) is large, or is still corrected."""
        self._offset += min(1.0, elapsed / _AVERAGED) * (offset - self._offset)
        distance, angle = (float(np.linalg.norm(part)) for part in (self._offset[:3], self._offset[3:]))
        if distance > _HELD_D or angle > _HELD_A:
            self._settling = True
        elif distance < _SETTLED_D and angle < _SETTLED_A:
            self._settling = False
        return self._settling


def _share(allowed: float, wanted: float) -> float:
    """Return the share of a wanted motion that is allowed, 0..1."""
    return 1.0 if wanted <= allowed else max(0.0, allowed / wanted)


def map_T_odom(map_T_base: Array, odom_T_base: Array) -> Array:
    """Return map_T_odom (4, 4), which REP-105 expects from a localizer, from two poses at the same time."""
    return map_T_base @ se3.inverse(odom_T_base)
