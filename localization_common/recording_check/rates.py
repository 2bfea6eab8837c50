"""Findings on the rate of the images: gaps, missing images and jitter."""

from __future__ import annotations

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.recording_check.findings import CheckResult, Grade

#: Words in an assumption of a reader for a format without times.
_NO_TIMES = ("no times are known", "hold no times")
#: A step in time of so many median steps is a gap (as in the bag reader's summary): jitter stays below it.
GAP = 2.5
#: Smallest rate of images: at 0.5 m/s and 2 Hz neighbours are 25 cm apart, and a turn of 60 deg/s takes 30 deg from a
#: view of 60: with less overlap, odometry between frames fails. Much higher rates cost disk without new information.
_SLOW_HZ = 2.0
#: Share of missing images: a busy disk loses one in twenty. Longest gap: after a second the view is another one.
_FEW_MISSING, _LONG_GAP_S = 0.05, 1.0
#: Spread of the usual time steps (5th to 95th per cent) over the median: sensors that are triggered stay below 0.1,
#: freely running ones below 0.5.
_UNEVEN = 1.0


def check_rates(sequence: Sequence) -> CheckResult:
    """Check rate, gaps, missing images and jitter."""
    steps = np.diff(sequence.stamps) * 1e-9
    untimed = not times_are_known(sequence)
    if len(steps) == 0:
        return CheckResult("rates", Grade.WARN, "there is one image only", "Record a drive.", {"images": 1})
    usual = float(np.median(steps))
    gaps = np.nonzero(steps > GAP * usual)[0]
    missing = int(np.rint(steps[gaps] / usual - 1.0).sum())
    even = steps[steps <= GAP * usual]
    spread = float(np.ptp(np.percentile(even, [5, 95]))) / usual
    numbers = {
        "times_known": not untimed,
        "duration_s": float(steps.sum()),
        "images_hz": 1.0 / usual,
        "gaps": len(gaps),
        "longest_gap_s": float(steps.max()),
        "longest_gap_at_s": float((sequence.stamps[steps.argmax()] - sequence.stamps[0]) * 1e-9),
        "images_missing": missing,
        "images_missing_share": missing / (missing + len(sequence)),
        "step_spread": spread,
    }
    if untimed:
        holes = f"; {missing} frame numbers are missing in {len(gaps)} gaps" if missing else ""
        return CheckResult("rates", Grade.OK, f"{len(sequence)} images; the format holds no times{holes}", "", numbers)
    return _judged(numbers, len(sequence))


def times_are_known(sequence: Sequence) -> bool:
    """Return True if the stamps are those of the recording, not assumed by a reader."""
    return not any(words in text for text in sequence.summary.assumed for words in _NO_TIMES)


def _judged(n: dict[str, float], count: int) -> CheckResult:
    sentence = f"{count} images in {n['duration_s']:.0f} s, {n['images_hz']:.1f} Hz"
    if n["gaps"]:
        gaps = f"{n['gaps']} gap{'s' if n['gaps'] > 1 else ''}"
        sentence += f"; {gaps}, the longest {n['longest_gap_s']:.2f} s at {n['longest_gap_at_s']:.1f} s; "
        sentence += f"{n['images_missing_share']:.0%} of the images are missing"
    else:
        sentence += ", no gaps"
    slow, uneven = n["images_hz"] < _SLOW_HZ, n["step_spread"] > _UNEVEN
    holes = n["images_missing_share"] > _FEW_MISSING or (n["gaps"] and n["longest_gap_s"] > _LONG_GAP_S)
    advice = []
    if holes:
        advice.append(
            "Record without lost images: a faster disk or compressed images, a larger cache (--max-cache-size)."
        )
    if slow:
        advice.append(f"Record at {_SLOW_HZ:g} Hz at least, 5 to 10 Hz is enough.")
    if uneven:
        sentence += f"; the times between images vary by {n['step_spread']:.0%}"
        advice.append("Let the driver stamp images when they are taken, not when they arrive.")
    return CheckResult("rates", Grade.WARN if advice else Grade.OK, sentence, " ".join(advice), n)
