"""Jumps of true poses and of odometry: by comparing the two, or by the motion before and after."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Poses, Sequence
from localization_common.errors import LocalizationError
from localization_common.geometry import se3
from localization_common.recording_check.motion import relative
from localization_common.recording_check.picture_motion import turn_between

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Seconds over which motions of truth and odometry are compared: true poses come at 1 to 2 Hz, and the reader spreads a
#: jump between two of them over the images between.
_WINDOW_S = 1.0
#: What the two may differ by in a window, metres and degrees, plus a share of the motion in it. amcl corrects by
#: centimetres; a slipping wheel costs some per cent.
_APART_M, _APART_DEG, _APART_SHARE = 0.1, 5.0, 0.1
#: A jump stays: over this time round it the two still differ by at least this share of it. A coarse odometry (1 Hz)
#: that cuts a turn agrees again after it.
_LASTS_S, _LASTS_SHARE = 3.0, 0.6
#: Share of the windows above which the two differ all the time: that is drift, and no jump.
_MOST_APART = 0.3
#: Jumps of the heading of which the pictures are asked who has jumped.
_LOOKED_AT = 10
#: One pose out of line differs by so many times the bounds from both its neighbours.
_OUTLIER = 1.5
#: What a step may be longer than its neighbours without odometry to compare with, metres and degrees, and as a multiple
#: of their median. Hand-held cameras at 10 Hz stay below 0.15 m and 15 degrees a step.
_STEP_M, _STEP_DEG, _STEP_FACTOR = 0.2, 20.0, 3.0
#: Steps on each side that a step is compared with.
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Jump:
    """A sudden change.

    Attributes:
        seconds: since the first image.
        frame: number of the first frame after it.
        metres, degrees: its size.
    """

    seconds: float
    frame: int
    metres: float
    degrees: float


def jumps_alone(sequence: Sequence) -> list[Jump]:
    """Steps of the true poses that are much longer than those around them."""
    known = np.nonzero(sequence.has_pose)[0]
    stamps = sequence.stamps
    if len(known) < 4:
        return []
    steps = relative(sequence.map_T_base[known])
    seconds = np.diff(stamps[known]) * 1e-9
    metres = np.linalg.norm(steps[:, :3, 3], axis=-1)
    degrees = np.degrees(se3.rotation_angle(steps[:, :3, :3]))
    too_far = _excess(metres, seconds) > np.maximum(_STEP_M, _STEP_FACTOR * (metres - _excess(metres, seconds)))
    too_turned = _excess(degrees, seconds) > np.maximum(_STEP_DEG, _STEP_FACTOR * (degrees - _excess(degrees, seconds)))
    found = np.nonzero(too_far | too_turned)[0]
    return [
        Jump(
            float(stamps[known[i + 1]] - stamps[0]) * 1e-9,
            int(sequence.frame_numbers[known[i + 1]]),
            float(metres[i]),
            float(degrees[i]),
        )
        for i in found
    ]


def jumps_between(sequence: Sequence, scale: float) -> tuple[list[Jump] | None, list[Jump]]:
    """Jumps of the true poses and jumps of the odometry, by comparing their motions.

    Args:
        sequence: with both.
        scale: of the odometry, by which its distances are divided first.

    Returns:
        Jumps of the true poses, None where the two differ so much all the time that nothing can be compared; and those
        of the odometry.
    """
    both = np.nonzero(sequence.has_pose & sequence.has_odometry)[0]
    if sequence.odom_T_base is None or len(both) < 3:
        return [], []
    odometry = sequence.odom_T_base[both].copy()
    odometry[:, :3, 3] /= scale
    pair = _Pair(sequence.map_T_base[both], odometry, sequence.stamps[both])
    ends = pair.position(pair.stamps, _WINDOW_S)
    starts = np.nonzero(ends > np.arange(len(both)))[0]
    ends = ends[starts]
    wrong = pair.apart(starts, ends).max(axis=0) > 1.0
    if wrong.any() and wrong.mean() > _MOST_APART:
        return None, []
    of_truth: list[Jump] = []
    of_odometry: list[Jump] = []
    for group in _groups(starts[wrong], ends[wrong]):
        inside = np.arange(group[0], group[1])
        peak = int(inside[np.argmax(pair.apart(inside, inside + 1).sum(axis=0))])
        size = pair.lasting(peak)
        if size is None:
            continue
        seconds = float(pair.stamps[peak + 1] - sequence.stamps[0]) * 1e-9
        jump = Jump(seconds, int(sequence.frame_numbers[both[peak + 1]]), *size)
        turned = size[1] > _APART_DEG and len(of_truth) + len(of_odometry) < _LOOKED_AT
        turn = _seen_turn(sequence, int(both[peak]), int(both[peak + 1])) if turned else None
        (of_truth if pair.truth_jumps(peak, turn) else of_odometry).append(jump)
    return of_truth, of_odometry


@dataclass(frozen=True)
class _Pair:
    """True poses and odometry (N, 4, 4) at stamps (N,), both known everywhere."""

    truth: Poses
    odometry: Poses
    stamps: npt.NDArray[np.int64]

    def position(self, stamps: npt.NDArray[np.int64], seconds: float) -> Indices:
        """The last positions at or before so many seconds after stamps."""
        return np.searchsorted(self.stamps, stamps + int(seconds * 1e9), side="right") - 1

    @cached_property
    def ways(self) -> Array:
        """(2, 2, N): of truth and odometry, metres and degrees of the way from the first pose to each."""
        return np.stack([_travelled(self.truth), _travelled(self.odometry)])

    def difference(self, first: Indices, last: Indices) -> Array:
        """(2, M) metres and degrees by which the motions from first to last (M,) differ."""
        true, measured = (se3.inverse(poses[first]) @ poses[last] for poses in (self.truth, self.odometry))
        error = se3.inverse(measured) @ true
        return np.stack([np.linalg.norm(error[:, :3, 3], axis=-1), np.degrees(se3.rotation_angle(error[:, :3, :3]))])

    def apart(self, first: Indices, last: Indices) -> Array:
        """The same over what is allowed: above 1 is too much."""
        ways = (self.ways[:, :, last] - self.ways[:, :, first]).min(axis=0)
        return self.difference(first, last) / (np.array([[_APART_M], [_APART_DEG]]) + _APART_SHARE * ways)

    def lasting(self, step: int) -> tuple[float, float] | None:
        """Metres and degrees of a jump at this step; None if the two agree again soon and no single pose is off."""
        one = np.array([step])
        middle = self.stamps[one + 1]
        near = self.position(middle, -_WINDOW_S / 2).clip(0), self.position(middle, _WINDOW_S / 2)
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
        """Tell whether it is the truth that jumps at this step, not the odometry.

        Args:
            step: of the jump.
            turn: rotation vector (3,) that the pictures show over it; None where the jump is none of the heading. The
                one that contradicts the pictures more has jumped; else the one whose step stands out from its
                neighbours more.
        """
        if turn is not None:
            motions = (se3.inverse(poses[step]) @ poses[step + 1] for poses in (self.truth, self.odometry))
            off = [abs(float(se3.rotation_angle(m[:3, :3])) - float(np.linalg.norm(turn))) for m in motions]
            return off[0] >= off[1]
        steps = np.diff(self.ways, axis=2)
        around = np.r_[
            max(0, step - 2 * _NEIGHBOURS) : step, step + 1 : min(steps.shape[2], step + 2 * _NEIGHBOURS + 1)
        ]
        excess = np.abs(steps[:, :, step] - np.median(steps[:, :, around], axis=2)) / (_APART_M, _APART_DEG)
        return bool(excess[0].sum() >= excess[1].sum())


def _seen_turn(sequence: Sequence, first: int, last: int) -> Array | None:
    """Rotation vector (3,) between two frames that their pictures show; None if they do not."""
    try:
        return turn_between(sequence.camera, sequence.read_image(first), sequence.read_image(last))
    except LocalizationError:
        return None


def _travelled(poses: Poses) -> Array:
    """(2, N) metres and degrees of the way from the first pose to each."""
    steps = relative(poses)
    lengths = np.stack([np.linalg.norm(steps[:, :3, 3], axis=-1), np.degrees(se3.rotation_angle(steps[:, :3, :3]))])
    return np.concatenate([np.zeros((2, 1)), np.cumsum(lengths, axis=1)], axis=1)


def _groups(starts: Indices, ends: Indices) -> list[tuple[int, int]]:
    """Windows that overlap, joined: first and last position of each group."""
    groups: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if groups and start < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(end, groups[-1][1]))
        else:
            groups.append((start, end))
    return groups


def _excess(lengths: Array, seconds: Array) -> Array:
    """What each of the steps (M,) is longer than one at its neighbours' median speed."""
    speeds = np.pad(lengths / seconds, _NEIGHBOURS, mode="reflect" if len(lengths) > _NEIGHBOURS else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(speeds, 2 * _NEIGHBOURS + 1)
    others = np.delete(windows, _NEIGHBOURS, axis=1)
    return np.asarray(lengths - np.median(others, axis=1) * seconds)
