"""Findings on the odometry: scale, drift and jumps against the true poses, else its plausibility."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.recording_check.findings import CheckResult, Grade, worst
from localization_common.recording_check.jumps import Jump
from localization_common.recording_check.odometry_alone import odometry_alone
from localization_common.recording_check.samples import PictureSample
from localization_common.recording_check.truth_findings import describe

Array = npt.NDArray[np.float64]

#: Length of the segments over which scale and drift are measured, metres; longer where images are far apart.
_SEGMENT_M, _STEPS_IN_SEGMENT = 1.0, 10
#: Number of segments that a scale needs.
_MIN_SEGMENTS = 5
#: Difference of the scale from 1: wheel radii are known to 1 or 2 %. A factor of 1.5 and more is another unit or gear.
_OFF_SCALE, _WRONG_SCALE = 0.05, 0.5
#: Turns over 20 degrees, and the share by which they may be too large or too small: uncalibrated track widths are off
#: by some per cent.
_TURNED_DEG, _OFF_TURNS = 20.0, 0.08
#: Scale below which the odometry does not move.
_STANDING_SCALE = 0.1
#: Drift over segments of a metre, per cent: wheels have 1 to 5; dmn's motion model is for 10 at most.
_DRIFT_PERCENT = 10.0
#: Share of images that should have odometry.
_ENOUGH = 0.9


@dataclass(frozen=True)
class Segments:
    """Segments of the drive of one length, by their first and last position, each without a gap.

    Attributes:
        first, last: (M,) positions.
        true_m, odometry_m: (M,) distances between the ends.
        true_deg, odometry_deg: (M,) angles between the ends; negative where the odometry turns the other way.
        path_m: (M,) lengths of the true path.
        apart_m, apart_deg: (M,) differences of the motions.
        starts, ends: (M,) seconds since the first image.
    """

    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    true_m: Array
    odometry_m: Array
    true_deg: Array
    odometry_deg: Array
    path_m: Array
    apart_m: Array
    apart_deg: Array
    starts: Array
    ends: Array

    def __len__(self) -> int:
        return len(self.first)

    def without(self, jumps: list[Jump]) -> Segments:
        """Segments without a jump in them."""
        inside = [(self.starts < jump.seconds) & (jump.seconds <= self.ends) for jump in jumps]
        kept = ~np.any(inside, axis=0) if inside else np.ones(len(self), dtype=np.bool_)
        return Segments(*(getattr(self, one.name)[kept] for one in fields(self)))

    @property
    def scales(self) -> Array:
        """(M,) distance of the odometry divided by the true one; NaN for segments that end where they began."""
        straight = self.true_m > 0.5 * self.path_m
        return np.where(straight, self.odometry_m / np.maximum(self.true_m, 1e-9), np.nan)

    @property
    def scale(self) -> float:
        """Median of the scales; 1 where too few segments have one."""
        known = self.scales[np.isfinite(self.scales)]
        return float(np.median(known)) if len(known) >= _MIN_SEGMENTS else 1.0

    @property
    def comparable(self) -> bool:
        """True if the odometry moves when the robot moves."""
        return self.scale > _STANDING_SCALE


def segments_of(sequence: Sequence) -> Segments | None:
    """Segments of a sequence with true poses and odometry; None without both."""
    known = np.nonzero(sequence.has_pose & sequence.has_odometry)[0]
    if sequence.odom_T_base is None or len(known) < 2:
        return None
    truth, odometry = sequence.map_T_base, sequence.odom_T_base
    steps = np.linalg.norm(np.diff(truth[known][:, :3, 3], axis=0), axis=-1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    moving = steps[steps > 1e-3]
    length = max(_SEGMENT_M, _STEPS_IN_SEGMENT * float(np.median(moving)) if len(moving) else 0.0)
    last = np.searchsorted(travelled, travelled + length)
    first = np.nonzero(last < len(known))[0]
    last = last[first]
    whole = (known[last] - known[first] == last - first) & (travelled[last] - travelled[first] < 1.5 * length)
    first, last = first[whole], last[whole]
    path, i, j = travelled[last] - travelled[first], known[first], known[last]
    true, measured = se3.inverse(truth[i]) @ truth[j], se3.inverse(odometry[i]) @ odometry[j]
    error = se3.inverse(true) @ measured

    # Axes of the rotations, times the sine of their angles: odometry may turn the other way.
    axes = [m[:, [2, 0, 1], [1, 2, 0]] - m[:, [1, 2, 0], [2, 0, 1]] for m in (true, measured)]
    direction = np.where((axes[0] * axes[1]).sum(axis=1) < 0.0, -1.0, 1.0)

    def metres(motion: Array) -> Array:
        return np.asarray(np.linalg.norm(motion[:, :3, 3], axis=-1))

    def degrees(motion: Array) -> Array:
        return np.asarray(np.degrees(se3.rotation_angle(motion[:, :3, :3])))

    starts, ends = ((sequence.stamps[row] - sequence.stamps[0]) * 1e-9 for row in (i, j))
    return Segments(
        i,
        j,
        metres(true),
        metres(measured),
        degrees(true),
        direction * degrees(measured),
        path,
        metres(error),
        degrees(error),
        starts,
        ends,
    )


def check_odometry(
    sequence: Sequence, sample: PictureSample, segments: Segments | None, jumps: list[Jump], others: list[Jump]
) -> CheckResult:
    """Check the odometry: number of images that have it, its speed, and its agreement with the true poses.

    Without enough true poses, its jumps are looked for in itself, and its standing in the pictures.

    Args:
        sequence: recording.
        sample: measured pictures.
        segments: segments of the drive; None without true poses or odometry.
        jumps: jumps of the odometry.
        others: jumps of the true poses; segments with them are left out.
    """
    count = int(sequence.has_odometry.sum())
    if count == 0:
        advice = "Record the robot's odometry: it carries true poses over gaps and moves dmn's particles."
        return CheckResult("odometry", Grade.OK, "none", advice, {"images_with_odometry": 0})
    share = count / len(sequence)
    numbers: dict[str, object] = {"images_with_odometry": count, "images_with_odometry_share": share}
    sentence = f"{count} of {len(sequence)} images have odometry"
    if segments is not None:
        segments = segments.without(jumps + others)
    compared = segments is not None and len(segments) >= _MIN_SEGMENTS
    alone = odometry_alone(sequence, sample, compared=compared)
    numbers["speed_m_per_s"] = alone.speed
    if segments is not None and compared:
        numbers |= _numbers(segments) | _jump_numbers(jumps)
        found = _judged(sentence, share, numbers, jumps)
    else:
        numbers |= _jump_numbers(alone.jumps)
        lacking = "no true poses" if segments is None else "too few true poses and too short a way"
        sentence += f"; {lacking} to compare it with"
        sentence += f"; {describe(list(alone.jumps))}" if alone.jumps else ""
        advice = "" if share >= _ENOUGH else "Record odometry for the whole drive."
        found = CheckResult("odometry", Grade.WARN if advice else Grade.OK, sentence, advice, numbers)
    return replace(
        found,
        verdict=worst([found.verdict, alone.verdict]),
        sentence="; ".join([found.sentence, *alone.parts]),
        advice=" ".join(filter(None, [*alone.advice, found.advice])),
    )


def _jump_numbers(jumps: Collection[Jump]) -> dict[str, object]:
    return {
        "jumps": len(jumps),
        "jumps_at_s": [jump.seconds for jump in jumps],
        "jumps_m": [jump.metres for jump in jumps],
        "jumps_deg": [jump.degrees for jump in jumps],
    }


def _numbers(segments: Segments) -> dict[str, object]:
    scales = segments.scales
    turned = segments.true_deg > _TURNED_DEG
    parts = np.array_split(np.arange(len(segments)), 5)
    return {
        "segments": len(segments),
        "segment_m": float(np.median(segments.path_m)),
        "scale": segments.scale,
        "scale_of_fifths": [float(np.nanmedian(scales[p])) if np.isfinite(scales[p]).any() else None for p in parts],
        "turn_scale": float(np.median(segments.odometry_deg[turned] / segments.true_deg[turned]))
        if turned.any()
        else None,
        "drift_percent": float(np.mean(100.0 * segments.apart_m / segments.path_m)),
        "drift_deg_per_m": float(np.mean(segments.apart_deg / segments.path_m)),
    }


def _judged(sentence: str, share: float, numbers: dict[str, object], jumps: list[Jump]) -> CheckResult:
    scale, drift = float(numbers["scale"]), float(numbers["drift_percent"])  # type: ignore[arg-type]
    turns = float(numbers["drift_deg_per_m"])  # type: ignore[arg-type]
    sentence += f"; scale {scale:.3f} of the true poses', drift {drift:.1f} % and {turns:.2f} deg/m"
    advice = []
    off = abs(scale - 1.0)
    if off > _OFF_SCALE:
        sentence += f"; its distances are {off:.0%} too {'long' if scale > 1.0 else 'short'}"
        advice.append("Calibrate the wheels' radius (or the unit of the true poses).")
    if jumps:
        sentence += f"; {describe(jumps)}"
        advice.append("Find out why the odometry jumps: a reset, a slipping wheel, or a lost encoder.")
    turn_scale = numbers["turn_scale"]
    if isinstance(turn_scale, float) and abs(turn_scale - 1.0) > _OFF_TURNS:
        size = f"{abs(turn_scale - 1.0):.0%} too {'large' if turn_scale > 1.0 else 'small'}"
        sentence += f"; its turns are {size if turn_scale > 0.0 else 'the other way round'}"
        advice.append("Calibrate the distance between the wheels or the gyroscope, and see which way it counts.")
    elif drift > _DRIFT_PERCENT and off <= _OFF_SCALE and not jumps:
        advice.append("See that the odometry and the true poses are of the same frame and have one clock.")
    if share < _ENOUGH:
        advice.append("Record odometry for the whole drive.")
    verdict = Grade.FAIL if off > _WRONG_SCALE else Grade.WARN if advice else Grade.OK
    return CheckResult("odometry", verdict, sentence, " ".join(advice), numbers)
