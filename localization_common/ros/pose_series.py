"""Series of poses of one frame in another, in the order of their stamps. Imports no ROS."""

from __future__ import annotations

import bisect
from collections import deque

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.ros.timeline import StampVerdict, Timeline

Array = npt.NDArray[np.float64]


class PoseSeries:
    """Poses (4, 4) with stamps (nanoseconds). A pose whose stamp is far off waits until a later pose confirms it.

    Call `judge` first for each pose, then `accept`, unless the verdict is unconfirmed or the owner refuses the pose.

    Args:
        timeline: check of the stamps.

    Attributes:
        stamps: stamps in ascending order, without doubles.
        poses: poses at the stamps.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.stamps: list[int] = []
        self.poses: list[Array] = []
        self._held: deque[tuple[int, Array]] = deque(maxlen=8)

    def judge(self, stamp: int, pose: Array) -> StampVerdict:
        """Compare a stamp with the previous ones; hold the pose if it is unconfirmed, forget all after a jump back."""
        verdict = self.timeline.judge(stamp)
        if verdict.unconfirmed:
            self.timeline.hold(stamp)
            self._held.append((stamp, pose))
        elif verdict is StampVerdict.JUMPED_BACK:
            self.forget_poses()
        return verdict

    def accept(self, stamp: int, pose: Array, verdict: StampVerdict) -> None:
        """Insert a pose, and the held poses that it confirms."""
        if verdict.jumped:
            for held in self._held:
                if self.timeline.agrees(held[0], stamp):
                    self._insert(*held)
        self._held.clear()
        self.timeline.adopt(stamp)
        self._insert(stamp, pose)

    def forget_poses(self) -> None:
        """Forget all poses; held poses and the timeline stay."""
        self.stamps, self.poses = [], []

    def reset(self) -> None:
        """Forget everything: the next pose may have any stamp."""
        self.forget_poses()
        self._held.clear()
        self.timeline.reset()

    def drop_oldest(self, count: int) -> None:
        """Delete the first ``count`` poses."""
        del self.stamps[:count], self.poses[:count]

    def at(self, stamp: int) -> Array:
        """Return the pose at a stamp, interpolated; outside of the series, its first or last pose."""
        after = bisect.bisect_left(self.stamps, stamp)
        if after == len(self.stamps):
            return self.poses[-1]
        if self.stamps[after] == stamp or after == 0:
            return self.poses[after]
        first, second = self.stamps[after - 1], self.stamps[after]
        return se3.interpolate(self.poses[after - 1], self.poses[after], (stamp - first) / (second - first))

    def _insert(self, stamp: int, pose: Array) -> None:
        position = bisect.bisect_left(self.stamps, stamp)
        if position == len(self.stamps) or self.stamps[position] != stamp:
            self.stamps.insert(position, stamp)
            self.poses.insert(position, pose)
