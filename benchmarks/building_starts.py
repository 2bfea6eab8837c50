"""Starts of a lost robot on a floor of the benchmark of buildings, and what its frames gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from building_floors import HeldOut
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.refinement.refiner import Refiner
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.replay import ReplayedFrame, recorded_odometry, replay

Numbers = dict[str, Any]

#: Largest error of a right pose, metres.
RIGHT_M = 0.5


@dataclass(frozen=True)
class StartedFrame:
    """Frame after a start.

    Attributes:
        start: number of the start.
        seconds: seconds since the start.
        lost: True until the frame after the first right pose.
        published: a pose was published.
        confirmed: the image confirmed the pose.
        metres: error of the pose; 0 without one.
        milliseconds: time of the localizer.
    """

    start: int
    seconds: float
    lost: bool
    published: bool
    confirmed: bool
    metres: float
    milliseconds: float

    @property
    def wrong(self) -> bool:
        """True if a wrong pose was published."""
        return self.published and self.metres > RIGHT_M


def run_start(localizer: KeyframeLocalizer, frames: HeldOut, number: int) -> list[StartedFrame]:
    """Start at one of the drawn frames, lost, and drive on."""
    found: list[StartedFrame] = []
    lost, first = True, int(frames.first[number])
    for replayed in replay(localizer, frames.sequence, positions=range(first, first + frames.count)):
        frame = _judged(number, first, lost, replayed, frames)
        lost = lost and not (frame.published and not frame.wrong)
        found.append(frame)
    return found


def localizer_of(refiner: Refiner, frames: HeldOut) -> KeyframeLocalizer:
    """Make the localizer of a robot with wheel odometry and without a network."""
    return KeyframeLocalizer(refiner, recorded_odometry(frames.sequence), frozen_after=0)


def _judged(number: int, first: int, lost: bool, frame: ReplayedFrame, frames: HeldOut) -> StartedFrame:
    stamps, estimate = frames.sequence.stamps, frame.estimate
    published = estimate is not None and estimate.health.published
    confirmed, metres = False, 0.0
    if estimate is not None and published:
        confirmed = estimate.refinement is not None and estimate.refinement.map_T_camera is not None
        truth = frames.sequence.map_T_camera[frame.position][None]
        metres = float(pose_errors(estimate.map_T_camera[None], truth).metres[0])
    seconds = 1e-9 * float(stamps[frame.position] - stamps[first])
    return StartedFrame(number, seconds, lost, published, confirmed, metres, frame.milliseconds)


def scores(frames: list[StartedFrame], *, within: float) -> Numbers:
    """Compute the scores of a floor; ``within`` are the seconds of the aim."""
    starts = {frame.start for frame in frames}
    waited = {f.start: f.seconds for f in reversed(frames) if f.published and not f.wrong}
    wrong_starts = {f.start for f in frames if f.wrong}
    tracked = [f for f in frames if not f.lost]
    sure = [f.metres for f in frames if f.confirmed]
    published = [f for f in frames if f.published]
    times = sorted(waited.get(start, float("inf")) for start in starts)
    middle = times[len(times) // 2]
    return {
        "starts": len(starts),
        "right_within": sum(t <= within for t in times) / len(times),
        "first_right_s": middle if np.isfinite(middle) else None,
        "wrong_starts": len(wrong_starts),
        "confirmed": _mean([f.confirmed for f in tracked]),
        "wrong": _mean([f.wrong for f in published]),
        "median_m": float(np.median(sure)) if sure else None,
        "lost_ms": _median([f.milliseconds for f in frames if f.lost]),
        "tracking_ms": _median([f.milliseconds for f in tracked]),
    }


def _mean(values: list[bool]) -> float | None:
    return float(np.mean(values)) if values else None


def _median(values: list[float]) -> float | None:
    return float(np.median(values)) if values else None


def rows(frames: list[StartedFrame]) -> list[Numbers]:
    """Starts as dictionaries, for the file."""
    found = []
    for start in sorted({frame.start for frame in frames}):
        own = [frame for frame in frames if frame.start == start]
        poses = [frame for frame in own if frame.published]
        found.append(
            {
                "start": start,
                "right_s": next((f.seconds for f in poses if not f.wrong), None),
                "published": len(poses),
                "wrong": sum(f.wrong for f in poses),
                "largest_m": max((f.metres for f in poses), default=None),
            }
        )
    return found
