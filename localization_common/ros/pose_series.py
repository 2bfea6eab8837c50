"""Poses of one frame in another over time, in the order of their stamps. No ROS in here."""

from __future__ import annotations

import bisect
from collections import deque

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.ros.timeline import Timeline, Verdict

Array = npt.NDArray[np.float64]


class PoseSeries:
    """Poses (4, 4) with stamps (nanoseconds). One whose stamp is far off waits until a later one confirms it.

    `judge` comes first for each pose; then `accept`, unless the verdict is a doubt or the owner refuses the pose.

    Args:
        timeline: judges the stamps.

    Attributes:
        stamps: ascending, each once.
        poses: one for each stamp.
    """

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.stamps: list[int] = []
        self.poses: list[Array] = []
        self._doubted: deque[tuple[int, Array]] = deque(maxlen=8)

    def judge(self, stamp: int, pose: Array) -> Verdict:
        """Compare a stamp with those before; keep the pose aside if it is doubted, forget all after a jump back."""
        verdict = self.timeline.judge(stamp)
        if verdict.doubted:
            self.timeline.doubt(stamp)
            self._doubted.append((stamp, pose))
        elif verdict is Verdict.JUMPED_BACK:
            self.forget_poses()
        return verdict

    def accept(self, stamp: int, pose: Array, verdict: Verdict) -> None:
        """Insert a pose in its place, after the doubted ones that it confirms."""
        if verdict.jumped:
            for doubted in self._doubted:
                if self.timeline.agrees(doubted[0], stamp):
                    self._insert(*doubted)
        self._doubted.clear()
        self.timeline.adopt(stamp)
        self._insert(stamp, pose)

    def forget_poses(self) -> None:
        """Forget all poses; doubted ones still wait, and the timeline goes on."""
        self.stamps, self.poses = [], []

    def reset(self) -> None:
        """Forget everything: the next stamp may be any."""
        self.forget_poses()
        self._doubted.clear()
        self.timeline.reset()

    def drop_oldest(self, count: int) -> None:
        """Delete so many poses at the beginning."""
        del self.stamps[:count], self.poses[:count]

    def at(self, stamp: int) -> Array:
        """Pose at a stamp, interpolated; outside of the series its first or last pose."""
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
