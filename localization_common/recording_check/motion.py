"""Motion of the robot from frame to frame, by its true poses, else by its odometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Poses, Sequence
from localization_common.geometry import se3
from localization_common.recording_check.findings import CheckResult, Grade

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: The robot stands if it moves less than this, metres and degrees, in so many seconds, or in one longer step: encoders
#: and trackers tremble by less.
_STILL_M, _STILL_DEG, _STILL_S = 0.005, 0.3, 0.09
#: Share of a view that neighbours should have in common (photogrammetry needs 60 to 80 %), and share of neighbours that
#: may have less.
_OVERLAP, _FEW = 0.6, 0.05
#: Share of the time in which the robot may stand: such frames add no information.
_MUCH_STANDING = 0.5


@dataclass(frozen=True)
class Steps:
    """Motion of the base over the N-1 steps between neighbours; NaN where it is not known.

    Attributes:
        metres, degrees: (N-1,) distances and angles.
        seconds: (N-1,) durations.
        moving: (N-1,) True where the motion is known and the robot moves.
        source: ``true poses``, ``odometry`` or empty where neither is known.
    """

    metres: Array
    degrees: Array
    seconds: Array
    moving: Mask
    source: str

    @property
    def known(self) -> Mask:
        """(N-1,) True where the motion is known."""
        return np.asarray(np.isfinite(self.metres))

    @property
    def large(self) -> Mask:
        """(N-1,) True for steps that are more than the trembling of encoders and trackers."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.metres > _STILL_M) | (self.degrees > _STILL_DEG))


def steps_of(sequence: Sequence) -> Steps:
    """Steps by the true poses; by the odometry if more frames have odometry."""
    poses = sequence.map_T_base
    source = "true poses" if sequence.has_pose.any() else ""
    if sequence.odom_T_base is not None and sequence.has_odometry.sum() > sequence.has_pose.sum():
        poses, source = sequence.odom_T_base, "odometry"
    metres, degrees = _size(relative(poses))
    seconds = (sequence.stamps - sequence.stamps[:1]).astype(np.float64) * 1e-9
    return Steps(metres, degrees, np.diff(seconds), _moving(poses, seconds), source)


def _size(motions: Poses) -> tuple[Array, Array]:
    return np.linalg.norm(motions[:, :3, 3], axis=-1), np.degrees(se3.rotation_angle(motions[:, :3, :3]))


def _moving(poses: Poses, seconds: Array) -> Mask:
    """(N-1,) True for steps in which the robot moves: slow motion shows over `_STILL_S`, whatever the frame rate."""
    known = np.flatnonzero(np.isfinite(poses[:, 0, 0]))
    moving = np.zeros(len(poses) - 1, dtype=np.bool_)
    if len(known) < 2:
        return moving
    times, last = seconds[known], len(known) - 1
    ends = np.minimum(np.searchsorted(times, times + _STILL_S), last)
    starts = np.searchsorted(times, times[ends] - _STILL_S, "right") - 1  # earlier only at the end of the recording
    starts = np.clip(starts, 0, np.arange(last + 1))
    metres, degrees = _size(se3.inverse(poses[known[starts]]) @ poses[known[ends]])
    moves = (metres > _STILL_M) | (degrees > _STILL_DEG)
    first = known[:-1][np.diff(known) == 1]
    moving[first] = moves[:-1][np.diff(known) == 1]
    return moving


def relative(poses: Poses) -> Poses:
    """Motions (N-1, 4, 4) between neighbours of poses (N, 4, 4); NaN where one of them is."""
    return np.asarray(se3.inverse(poses[:-1]) @ poses[1:])


def check_motion(sequence: Sequence, steps: Steps, field_of_view_deg: float) -> CheckResult:
    """Check speeds, standing time, and overlap of neighbouring views."""
    known = steps.known
    if not known.any():
        return CheckResult("motion", Grade.OK, "neither true poses nor odometry: the motion is not known", "", {})
    metres, degrees, seconds = steps.metres[known], steps.degrees[known], steps.seconds[known]
    standing = float(seconds[~steps.moving[known]].sum() / seconds.sum())
    overlap = 1.0 - degrees / field_of_view_deg
    little = float((overlap < _OVERLAP).mean())
    numbers = {
        "motion_from": steps.source,
        "path_length_m": float(metres.sum()),
        "speed_median_m_per_s": float(np.median(metres / seconds)),
        "speed_p95_m_per_s": float(np.percentile(metres / seconds, 95)),
        "turn_rate_p95_deg_per_s": float(np.percentile(degrees / seconds, 95)),
        "step_p95_m": float(np.percentile(metres, 95)),
        "step_p95_deg": float(np.percentile(degrees, 95)),
        "overlap_p05_share": float(np.percentile(overlap, 5)),
        "little_overlap_share": little,
        "standing_share": standing,
    }
    shared = max(0.0, float(np.percentile(overlap, 5)))
    sentence = (
        f"{metres.sum():.1f} m at {np.median(metres / seconds):.2f} m/s, turns of up to "
        f"{np.percentile(degrees / seconds, 95):.0f} deg/s, standing {standing:.0%} of the time; neighbouring views "
        f"share {shared:.0%} or more"
    )
    advice = []
    if little > _FEW:
        sentence += f"; {little:.0%} of them share less than {_OVERLAP:.0%}"
        advice.append("Turn slower or record more images per second: neighbouring views have too little in common.")
    if standing > _MUCH_STANDING:
        advice.append("Drive more and stand less: frames from one spot add no information.")
    return CheckResult("motion", Grade.WARN if advice else Grade.OK, sentence, " ".join(advice), numbers)
