"""Robots of dmn_map_size: such that may be anywhere, and such that are carried to another place."""

from __future__ import annotations

import time
from statistics import median

import numpy as np

from dmn_ros.runtime.localizer import Localizer
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import planar_odometry

#: Number of camera frames of a robot that may be anywhere; before a robot is carried away, and after it.
FRAMES, BEFORE, AFTER = 20, 10, 40
#: Metres to the true pose within which an estimate is right.
RADIUS = 0.5
#: Least distance that a robot is carried, metres; time between two frames, nanoseconds.
_CARRIED, _STEP_NS = 2.5, 200_000_000


def started_lost(localizer: Localizer, drive: Sequence, seed: int) -> dict[str, float]:
    """Start a robot that may be anywhere; return the time of its first image, and what it has published and found."""
    assert drive.odom_T_base is not None
    odometry, truth = planar_odometry(drive.odom_T_base), planar.from_se3(drive.map_T_base)
    first = int(np.random.default_rng(seed).integers(len(drive) - FRAMES + 1))
    localizer.reset_uniform(seed)
    wrong, first_ms, near = 0, 0.0, False
    for i in range(first, first + FRAMES):
        started = time.perf_counter()
        belief = localizer.step(drive.read_image(i), int(drive.stamps[i]), odometry[i])
        first_ms = first_ms or 1e3 * (time.perf_counter() - started)
        near = bool(np.linalg.norm(belief.most_likely[:2] - truth[i, :2]) < RADIUS)
        wrong += belief.localized and not near
    return {"first_ms": first_ms, "found": float(near), "wrong": float(wrong)}


def carried_away(localizer: Localizer, drive: Sequence, seed: int) -> dict[str, float]:
    """Localize a robot, carry it to another place while its wheels stand, and let it drive on there.

    Returns:
        Frames until it publishes a right pose (inf: never), frames with a wrong pose, and the longest time of a frame.
    """
    assert drive.odom_T_base is not None
    odometry, truth = planar_odometry(drive.odom_T_base), planar.from_se3(drive.map_T_base)
    rng = np.random.default_rng(seed)
    here, there = (int(rng.integers(len(drive) - AFTER)) for _ in range(2))
    while np.linalg.norm(truth[here + BEFORE, :2] - truth[there, :2]) < _CARRIED:
        there = int(rng.integers(len(drive) - AFTER))
    localizer.reset_uniform(seed)
    localizer.reset_gaussian(truth[here], np.diag([0.05, 0.05, 0.05]) ** 2)
    for i in range(here, here + BEFORE):
        localizer.step(drive.read_image(i), int(drive.stamps[i]), odometry[i])
    stood, stamp = odometry[here + BEFORE - 1], int(drive.stamps[here + BEFORE - 1])
    right, wrong, longest = float("inf"), 0, 0.0
    for k in range(AFTER):
        moved = planar.compose(stood[None], planar.relative(odometry[there], odometry[there + k]))[0]
        started = time.perf_counter()
        belief = localizer.step(drive.read_image(there + k), stamp + (k + 1) * _STEP_NS, moved)
        longest = max(longest, 1e3 * (time.perf_counter() - started))
        near = np.linalg.norm(belief.most_likely[:2] - truth[there + k, :2]) < RADIUS
        wrong += belief.localized and not near
        if belief.localized and near and right == float("inf"):
            right = float(k)
    return {"right_after": right, "wrong": float(wrong), "longest_ms": longest}


def summary(robots: list[dict[str, float]]) -> list[float]:
    """Median of the frames until a right pose, frames with a wrong pose of a robot (mean), longest frame (median)."""
    right, wrong, longest = ([robot[name] for robot in robots] for name in ("right_after", "wrong", "longest_ms"))
    return [median(right), float(np.mean(wrong)), median(longest)]
