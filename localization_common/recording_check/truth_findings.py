"""Findings on the true poses: number of images with a pose, and jumps."""

from __future__ import annotations

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import TRUE_POSES
from localization_common.recording_check.findings import CheckResult, Grade
from localization_common.recording_check.jumps import Jump, jumps_alone

#: Share of images that should have a pose: a few at the ends have none.
_ENOUGH = 0.9
#: Number of images with a pose. The smallest drive on which this package trained a network has 446.
_FEW_POSES = 100
#: Largest share of jumps; with more, the poses are no ground truth.
_MOST_JUMPS = 0.05


def check_truth(sequence: Sequence, jumps: list[Jump] | None) -> CheckResult:
    """Check the true poses.

    Args:
        sequence: recording.
        jumps: jumps of the true poses from a comparison with odometry; None without such a comparison.
    """
    known = sequence.has_pose
    count = int(known.sum())
    if count == 0:
        reason = sequence.summary.fact(TRUE_POSES) or "none in the recording"
        without = (
            "Make a map from the images and the odometry alone (localization_map). Or record true poses (amcl, a lidar "
            "localizer), or give a TUM file (--poses FILE)."
        )
        return CheckResult("truth", Grade.WARN, f"no image has a true pose ({reason})", without, {"poses": 0})
    found = jumps_alone(sequence) if jumps is None else jumps
    longest = _longest_without(sequence)
    numbers = {
        "poses": count,
        "poses_share": count / len(sequence),
        "longest_without_s": longest,
        "jumps": len(found),
        "jumps_at_s": [jump.seconds for jump in found],
        "jumps_frame": [jump.frame for jump in found],
        "jumps_m": [jump.metres for jump in found],
        "jumps_deg": [jump.degrees for jump in found],
    }
    sentence = f"{count} of {len(sequence)} images have a true pose"
    if count < len(sequence):
        sentence += f", none for up to {longest:.1f} s"
    advice = []
    if count < _ENOUGH * len(sequence):
        advice.append(
            "Record true poses at 1 Hz or more without pauses; odometry carries them over gaps (--max-pose-gap)."
        )
    if count < _FEW_POSES:
        advice.append(f"Record more: {_FEW_POSES} images with poses are few for a network.")
    if found:
        sentence += f"; {describe(found)}"
        advice.append(
            "Correct the localizer that gives the poses, or leave out the frames whose poses are wrong, before or "
            f"after frame {_frames(found)} (--exclude)."
        )
    verdict = Grade.FAIL if len(found) > max(1.0, _MOST_JUMPS * count) else Grade.WARN if advice else Grade.OK
    return CheckResult("truth", verdict, sentence, " ".join(advice), numbers)


def describe(jumps: list[Jump]) -> str:
    """Jumps in words, the largest first."""
    first = max(jumps, key=lambda jump: (jump.metres, jump.degrees))
    text = f"{first.metres:.2f} m and {first.degrees:.0f} deg at {first.seconds:.1f} s (frame {first.frame})"
    return f"it jumps by {text}" if len(jumps) == 1 else f"it jumps {len(jumps)} times, most by {text}"


def _frames(jumps: list[Jump]) -> str:
    return ", ".join(str(jump.frame) for jump in jumps[:3]) + (", ..." if len(jumps) > 3 else "")


def _longest_without(sequence: Sequence) -> float:
    """Longest time in seconds without a pose, between images or at the ends."""
    if sequence.has_pose.all():
        return 0.0
    stamps = sequence.stamps[sequence.has_pose]
    ends = np.concatenate([[sequence.stamps[0]], stamps, [sequence.stamps[-1]]])
    return float(np.diff(ends).max()) * 1e-9
