"""Poses at the stamps of images, between known poses: along a line, along an arc, or carried by odometry."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Poses = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]

#: Odometry carries no poses to the next true pose if it misses it by more than this (metres, radians): the robot was
#: lifted, or a localizer jumped.
MAX_CORRECTION = (0.5, 0.35)


def poses_at(
    stamps: Stamps, known: Stamps, poses: Poses, *, max_gap_s: float, max_ahead_s: float = 0.0, arcs: bool = False
) -> Poses:
    """Poses (N, 4, 4) at stamps (N,), interpolated between the known poses before and after.

    A row is NaN where the stamp is outside of the known ones, or between two that are further apart than the limit.

    Args:
        stamps: nanoseconds.
        known: (M,) nanoseconds, increasing.
        poses: (M, 4, 4) at these.
        max_gap_s: seconds between two known poses over which poses are interpolated.
        max_ahead_s: seconds before the first and after the last known pose over which the motion there is extrapolated.
        arcs: True for wheels, which drive along arcs: the motion is the constant twist between two known poses. Else
            the translation is linear and the rotation spherical linear, as for a camera that is held in hands.
    """
    result = np.full((len(stamps), 4, 4), np.nan)
    ahead, gap = max_ahead_s * 1e9, max_gap_s * 1e9
    for i, (stamp, after) in enumerate(zip(stamps, np.searchsorted(known, stamps), strict=True)):
        if after < len(known) and known[after] == stamp:
            result[i] = poses[after]
            continue
        outside = after in (0, len(known))
        if outside and (len(known) < 2 or min(abs(known[0] - stamp), abs(known[-1] - stamp)) > ahead):
            continue
        second = min(max(int(after), 1), len(known) - 1)
        first = second - 1
        between = float(known[second] - known[first])
        if between <= gap:
            fraction = float(stamp - known[first]) / between
            between_poses = _along_arc if arcs else se3.interpolate
            result[i] = between_poses(poses[first], poses[second], fraction)
    return result


def carried_poses_at(
    stamps: Stamps, known: Stamps, poses: Poses, odometry: Poses, odometry_of_known: Poses, *, max_gap_s: float
) -> Poses:
    """Poses (N, 4, 4) at stamps (N,) between known poses, with the robot's motion between them from its odometry.

    The odometry is added to the known pose before and subtracted from the one after; the difference of the two is
    distributed in proportion to the time. A row is NaN outside of the known poses, without odometry, over a gap longer
    than the limit, and where the two differ by more than `MAX_CORRECTION`.

    Args:
        stamps: nanoseconds.
        known: (M,) nanoseconds, increasing.
        poses: (M, 4, 4) of the base in the map at these.
        odometry: (N, 4, 4) of the base in the odometry's frame at the stamps; NaN where unknown.
        odometry_of_known: (M, 4, 4) the same at the known poses.
        max_gap_s: seconds between two known poses over which odometry carries.
    """
    result = np.full((len(stamps), 4, 4), np.nan)
    for i, (stamp, after) in enumerate(zip(stamps, np.searchsorted(known, stamps), strict=True)):
        if after < len(known) and known[after] == stamp:
            result[i] = poses[after]
        elif 0 < after < len(known) and known[after] - known[after - 1] <= max_gap_s * 1e9:
            forward = _moved(poses[after - 1], odometry_of_known[after - 1], odometry[i])
            backward = _moved(poses[after], odometry_of_known[after], odometry[i])
            if _agree(forward, backward):
                fraction = float(stamp - known[after - 1]) / float(known[after] - known[after - 1])
                result[i] = se3.interpolate(forward, backward, fraction)
    return result


def _along_arc(first: Poses, second: Poses, fraction: float) -> Poses:
    return np.asarray(first @ se3.exp(fraction * se3.log(se3.inverse(first) @ second)))


def _moved(map_T_base: Poses, odom_T_base: Poses, odom_T_moved: Poses) -> Poses:
    return np.asarray(map_T_base @ se3.inverse(odom_T_base) @ odom_T_moved)


def _agree(forward: Poses, backward: Poses) -> bool:
    apart = se3.inverse(forward) @ backward
    metres, radians = float(np.linalg.norm(apart[:3, 3])), float(se3.rotation_angle(apart[:3, :3]))
    return metres <= MAX_CORRECTION[0] and radians <= MAX_CORRECTION[1]  # False for NaN, too
