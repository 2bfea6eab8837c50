"""Comparison of the true poses with the odometry: over which motions the two differ, and which of them jumps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Poses
from localization_common.geometry import se3
from localization_common.recording_check.motion import relative

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Seconds over which motions of truth and odometry are compared: true poses come at 1 to 2 Hz, and the reader spreads a
#: jump between two of them over the images between.
WINDOW_S = 1.0
#: Difference of the two that is allowed in a window, metres and degrees, plus a share of the motion in it. amcl
#: corrects by centimetres; a slipping wheel costs some per cent.
APART_M, APART_DEG, _APART_SHARE = 0.1, 5.0, 0.1
#: A jump stays: over this time around it the two still differ by at least this share of it. A coarse odometry (1 Hz)
#: that cuts a turn agrees again after it.
_LASTS_S, _LASTS_SHARE = 3.0, 0.6
#: One pose out of line differs by so many times the bounds from both its neighbours.
_OUTLIER = 1.5
#: Steps on each side that a step is compared with.
_NEIGHBOURS = 10


@dataclass(frozen=True)
class MotionComparison:
    """True poses and odometry of one drive, both known at all stamps.

    Attributes:
        truth, odometry: (N, 4, 4).
        stamps: (N,) nanoseconds, increasing.
    """

    truth: Poses
    odometry: Poses
    stamps: npt.NDArray[np.int64]

    def position(self, stamps: npt.NDArray[np.int64], seconds: float) -> Indices:
        """Last positions at or before these stamps plus so many seconds."""
        return np.searchsorted(self.stamps, stamps + int(seconds * 1e9), side="right") - 1

    @cached_property
    def ways(self) -> Array:
        """(2, 2, N) way from the first pose to each: of truth and odometry, metres and degrees."""
        return np.stack([_travelled(self.truth), _travelled(self.odometry)])

    def difference(self, first: Indices, last: Indices) -> Array:
        """(2, M) metres and degrees by which the motions from first to last (M,) differ."""
        true, measured = (se3.inverse(poses[first]) @ poses[last] for poses in (self.truth, self.odometry))
        error = se3.inverse(measured) @ true
        return np.stack([np.linalg.norm(error[:, :3, 3], axis=-1), np.degrees(se3.rotation_angle(error[:, :3, :3]))])

    def apart(self, first: Indices, last: Indices) -> Array:
        """(2, M) differences divided by the allowed ones: above 1 is too much."""
        ways = (self.ways[:, :, last] - self.ways[:, :, first]).min(axis=0)
        return self.difference(first, last) / (np.array([[APART_M], [APART_DEG]]) + _APART_SHARE * ways)

    def lasting(self, step: int) -> tuple[float, float] | None:
        """Metres and degrees of a jump at this step; None if the two agree again soon and no single pose is off."""
        one = np.array([step])
        middle = self.stamps[one + 1]
        near = self.position(middle, -WINDOW_S / 2).clip(0), self.position(middle, WINDOW_S / 2)
        far = self.position(middle, -_LASTS_S / 2).clip(0), self.position(middle, _LASTS_S / 2)
        lasts = (self.apart(*far) > 1.0) & (self.difference(*far) > _LASTS_SHARE * self.difference(*near))
        if (lasts & (self.apart(*near) > _LASTS_SHARE)).any():
            metres, degrees = self.difference(*near)[:, 0]
        elif (self.apart(one, one + 1) > _OUTLIER).any():
            metres, degrees = self.difference(one, one + 1)[:, 0]
        else:
            return None
        return float(metres), float(degrees)

    def truth_jumps(self, step: int, turn: Array | None) -> bool:
        """Return True if the truth jumps at this step, False if the odometry does.

        With pictures, the one that differs more from them has jumped; else the one whose step differs more from its
        neighbours.

        Args:
            step: position of the last pose before the jump.
            turn: rotation vector (3,) that the pictures show over the step; None if the heading does not jump.
        """
        if turn is not None:
            motions = (se3.inverse(poses[step]) @ poses[step + 1] for poses in (self.truth, self.odometry))
            off = [abs(float(se3.rotation_angle(m[:3, :3])) - float(np.linalg.norm(turn))) for m in motions]
            return off[0] >= off[1]
        steps = np.diff(self.ways, axis=2)
        around = np.r_[max(0, step - _NEIGHBOURS) : step, step + 1 : min(steps.shape[2], step + _NEIGHBOURS + 1)]
        excess = np.abs(steps[:, :, step] - np.median(steps[:, :, around], axis=2)) / (APART_M, APART_DEG)
        return bool(excess[0].sum() >= excess[1].sum())


def _travelled(poses: Poses) -> Array:
    """(2, N) metres and degrees of the way from the first pose to each."""
    steps = relative(poses)
    lengths = np.stack([np.linalg.norm(steps[:, :3, 3], axis=-1), np.degrees(se3.rotation_angle(steps[:, :3, :3]))])
    return np.concatenate([np.zeros((2, 1)), np.cumsum(lengths, axis=1)], axis=1)
