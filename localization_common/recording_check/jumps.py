"""Jumps of true poses and of odometry, found by a comparison of the two, or by the motion before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Poses, Sequence
from localization_common.errors import LocalizationError
from localization_common.geometry import se3
from localization_common.recording_check.motion import relative
from localization_common.recording_check.motion_comparison import APART_DEG, WINDOW_S, MotionComparison
from localization_common.recording_check.picture_motion import turn_between

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Share of windows with a difference above which the two differ all the time: that is drift, and no jump.
_MOST_APART = 0.3
#: Jumps of the heading for which pictures are read, to find out which of the two has jumped.
_PICTURED = 10
#: Without odometry: length by which a step may exceed its neighbours, metres and degrees, and as a multiple of their
#: median. Hand-held cameras at 10 Hz stay below 0.15 m and 15 degrees a step.
_STEP_M, _STEP_DEG, _STEP_FACTOR = 0.2, 20.0, 3.0
#: Wheels: they do not jump from standing to this speed within a step, metres and degrees a second; and a step that is
#: so many times as long as most is a hole.
_WHEEL_M_PER_S, _WHEEL_DEG_PER_S, _LONG_STEP = 2.0, 180.0, 3.0
#: Steps on each side that a step is compared with.
_NEIGHBOURS = 5


@dataclass(frozen=True)
class Jump:
    """Sudden change of poses.

    Attributes:
        seconds: time since the first image.
        frame: number of the first frame after it.
        metres, degrees: size of the jump.
    """

    seconds: float
    frame: int
    metres: float
    degrees: float


def jumps_alone(sequence: Sequence) -> list[Jump]:
    """Jumps of the true poses without odometry: steps that are much longer than their neighbours."""
    known = np.nonzero(sequence.has_pose)[0]
    return _long_steps(sequence, sequence.map_T_base, known)


def jumps_of_odometry(sequence: Sequence) -> list[Jump]:
    """Jumps of the odometry without true poses: steps that no wheel makes. Holes of the odometry are no jumps."""
    if sequence.odom_T_base is None:
        return []
    known = np.nonzero(sequence.has_odometry)[0]
    found = _long_steps(sequence, sequence.odom_T_base, known, slowest=(_WHEEL_M_PER_S, _WHEEL_DEG_PER_S))
    seconds = np.diff(sequence.stamps) * 1e-9
    longest = _LONG_STEP * float(np.median(seconds)) if len(seconds) else 0.0
    whole = np.zeros(len(sequence), dtype=np.bool_)
    whole[1:] = sequence.has_odometry[1:] & sequence.has_odometry[:-1] & (seconds < longest)
    return [jump for jump in found if whole[np.searchsorted(sequence.frame_numbers, jump.frame)]]


def _long_steps(
    sequence: Sequence, poses: Poses, known: Indices, slowest: tuple[float, float] = (0.0, 0.0)
) -> list[Jump]:
    """Steps that are much longer than their neighbours.

    Args:
        sequence: recording.
        poses: (N, 4, 4) poses of the base.
        known: positions of the known ones.
        slowest: metres and degrees a second by which the excess of a jump is faster.
    """
    stamps = sequence.stamps
    if len(known) < 4:
        return []
    steps = relative(poses[known])
    seconds = np.diff(stamps[known]) * 1e-9
    metres = np.linalg.norm(steps[:, :3, 3], axis=-1)
    degrees = np.degrees(se3.rotation_angle(steps[:, :3, :3]))
    long = np.zeros(len(steps), dtype=np.bool_)
    for lengths, least, speed in ((metres, _STEP_M, slowest[0]), (degrees, _STEP_DEG, slowest[1])):
        excess = _excess(lengths, seconds)
        long |= excess > np.maximum(np.maximum(least, speed * seconds), _STEP_FACTOR * (lengths - excess))
    found = np.nonzero(long)[0]
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
        sequence: sequence with true poses and odometry.
        scale: scale of the odometry; its distances are divided by it first.

    Returns:
        Jumps of the true poses (None where the two differ all the time, so that a comparison is impossible), and jumps
        of the odometry.
    """
    both = np.nonzero(sequence.has_pose & sequence.has_odometry)[0]
    if sequence.odom_T_base is None or len(both) < 3:
        return [], []
    odometry = sequence.odom_T_base[both].copy()
    odometry[:, :3, 3] /= scale
    pair = MotionComparison(sequence.map_T_base[both], odometry, sequence.stamps[both])
    ends = pair.position(pair.stamps, WINDOW_S)
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
        turned = size[1] > APART_DEG and len(of_truth) + len(of_odometry) < _PICTURED
        turn = _seen_turn(sequence, int(both[peak]), int(both[peak + 1])) if turned else None
        (of_truth if pair.truth_jumps(peak, turn) else of_odometry).append(jump)
    return of_truth, of_odometry


def _seen_turn(sequence: Sequence, first: int, last: int) -> Array | None:
    """Rotation vector (3,) that the pictures of two frames show; None if they show none."""
    try:
        return turn_between(sequence.camera, sequence.read_image(first), sequence.read_image(last))
    except LocalizationError:
        return None


def _groups(starts: Indices, ends: Indices) -> list[tuple[int, int]]:
    """First and last position of each group of overlapping windows."""
    groups: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if groups and start < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(end, groups[-1][1]))
        else:
            groups.append((start, end))
    return groups


def _excess(lengths: Array, seconds: Array) -> Array:
    """Lengths (M,) by which steps exceed a step at the median speed of their neighbours."""
    speeds = np.pad(lengths / seconds, _NEIGHBOURS, mode="reflect" if len(lengths) > _NEIGHBOURS else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(speeds, 2 * _NEIGHBOURS + 1)
    others = np.delete(windows, _NEIGHBOURS, axis=1)
    return np.asarray(lengths - np.median(others, axis=1) * seconds)
