"""Comparison of pictures and poses: their turns show a wrong mount, a wrong lens, and clocks that differ."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation, Slerp

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.recording_check.findings import CheckResult, Grade
from localization_common.recording_check.picture_motion import PictureTurns, picture_turns

Array = npt.NDArray[np.float64]

#: Number of pairs of pictures that are compared.
PAIRS = 40
#: Smallest angle of a turn in degrees, and number of turns that a comparison needs.
_TURN_DEG, _MIN_TURNS = 3.0, 8
#: Degrees between the axes of the turns in pictures and poses. Measured: 2 to 3 for the simulator, KITTI and TUM, 11
#: for 7-Scenes (its poses tremble); a mount that is off by 20 degrees gives 19 to 24.
_TILTED_DEG = 15.0
#: Largest offset in time that is tried, seconds, in steps of the time between images (between them, interpolation would
#: smooth poses that tremble, and fit better by mistake); the smallest that is reported; the share to which it must
#: reduce the difference of the turns; the smallest step. Measured on the four: without an offset 0 is the best; with
#: 0.2 s and more the difference falls to 0.1 to 0.77. Steps below 0.03 s (cameras above 30 Hz) give no more.
_MOST_S, _LATE_S, _BETTER, _LEAST_STEP_S = 1.0, 0.09, 0.85, 0.03
#: Number of standard errors by which the mean difference must fall: poses that tremble by degrees fit at some offset by
#: chance. Measured: real offsets reach 2.5 to 9.7, trembling by 0.5 and 1.5 degrees reaches 1.7 at most.
_SURE = 2.5
#: Offsets are compared on this share of the pairs, those that fit best: some pictures show a wrong turn.
_FITTING = 0.8
#: Seconds between known poses over which they are interpolated.
_NEAR_S = 1.0


def check_agreement(sequence: Sequence, pairs: int = PAIRS) -> CheckResult:
    """Compare the camera's turns in the pictures with those of the true poses; without any, with the odometry's."""
    poses, source = sequence.map_T_camera, "true poses"
    if not sequence.has_pose.any() and sequence.odom_T_base is not None:
        poses, source = sequence.odom_T_base @ sequence.base_T_camera, "odometry"
    known = np.isfinite(poses[:, 0, 0])
    if known.sum() < 2:
        return CheckResult("agreement", Grade.OK, "no poses to compare the pictures with", "", {})
    seen = picture_turns(sequence, poses, pairs)
    period = float(np.median(np.diff(sequence.stamps))) * 1e-9
    step = period * np.ceil(_LEAST_STEP_S / period)
    offsets = np.arange(-int(_MOST_S / step), int(_MOST_S / step) + 1) * step
    errors: Array = np.array([_apart(seen, sequence.stamps, poses, offset) for offset in offsets], dtype=np.float64)
    turning = np.degrees(np.linalg.norm(_turns(seen, sequence.stamps, poses, 0.0), axis=1)) > _TURN_DEG
    if turning.sum() < _MIN_TURNS:
        text = f"too few turns that the pictures show ({int(turning.sum())}) to compare them with the {source}"
        return CheckResult("agreement", Grade.OK, text, "", {"turns": int(turning.sum())})
    offset = _offset(offsets, errors)
    tilt, apart = _tilt(seen, sequence.stamps, poses, offset)
    numbers = {
        "compared_with": source,
        "pairs": len(seen.turns),
        "turns": int(turning.sum()),
        "turns_apart_median_deg": apart,
        "axes_apart_median_deg": tilt,
        "time_offset_s": offset,
        "time_offset_step_s": step,
    }
    return _judged(source, apart, tilt, offset, numbers)


def _judged(source: str, apart: float, tilt: float, offset: float, numbers: dict[str, object]) -> CheckResult:
    sentence = f"the turns of the pictures and of the {source} agree within {apart:.1f} deg"
    wrong, advice = [], []
    if offset:
        wrong.append(f"the pictures fit the {source} of {abs(offset):.2f} s {'later' if offset > 0 else 'earlier'}")
        advice.append(
            "Stamp images when they are taken, and give all computers one clock (chrony; use_sim_time on all or none)."
        )
    if tilt > _TILTED_DEG:
        wrong.append(f"the camera turns about another axis than the {source}, {tilt:.0f} deg off")
        advice.append("Correct the mount (rotation of the camera in TF, or --mount), or the calibration of the camera.")
    if not wrong:
        return CheckResult("agreement", Grade.OK, sentence, "", numbers)
    return CheckResult("agreement", Grade.WARN, "; ".join(wrong), " ".join(advice), numbers)


def _turns(seen: PictureTurns, stamps: npt.NDArray[np.int64], poses: Array, offset: float) -> Array:
    """Rotation vectors (M, 3) of the poses, ``offset`` seconds later than the pictures; NaN where unknown."""
    known = np.isfinite(poses[:, 0, 0])
    times = (stamps[known] - stamps[0]) * 1e-9
    between = Slerp(times, Rotation.from_matrix(poses[known, :3, :3]))
    ends = [(stamps[positions] - stamps[0]) * 1e-9 + offset for positions in (seen.first, seen.last)]
    found = np.full((len(seen.turns), 3), np.nan)
    good = np.all([_covered(times, end) for end in ends], axis=0)
    if good.any():
        first, last = (between(end[good]) for end in ends)
        found[good] = (first.inv() * last).as_rotvec()
    return found


def _covered(times: Array, wanted: Array) -> npt.NDArray[np.bool_]:
    """(M,) True for wanted times that lie between known ones (N,) that are near each other."""
    after = np.searchsorted(times, wanted).clip(1, len(times) - 1)
    return (wanted >= times[0]) & (wanted <= times[-1]) & (times[after] - times[after - 1] <= _NEAR_S)


def _apart(seen: PictureTurns, stamps: npt.NDArray[np.int64], poses: Array, offset: float) -> Array:
    """Differences (M,) in degrees of the turns in pictures and poses, for the best mount; NaN where unknown."""
    turns = _turns(seen, stamps, poses, offset)
    known = np.isfinite(turns).all(axis=1)
    apart = np.full(len(turns), np.nan)
    if known.sum() < _MIN_TURNS:
        return apart
    with warnings.catch_warnings():  # a robot on a floor turns about one axis: the free angle has no effect here
        warnings.simplefilter("ignore", UserWarning)
        mount, _ = Rotation.align_vectors(seen.turns[known], turns[known])
    apart[known] = np.degrees(np.linalg.norm(mount.apply(turns[known]) - seen.turns[known], axis=1))
    return apart


def _offset(offsets: Array, errors: Array) -> float:
    """Offset with the smallest of errors (offsets, pairs), if it is significantly better than none; else 0."""
    fitting = np.sort(errors, axis=1)[:, : round(_FITTING * errors.shape[1])]
    unknown = np.isnan(fitting).any(axis=1)
    means = np.where(unknown, np.inf, np.where(np.isnan(fitting), 0.0, fitting).mean(axis=1))
    best, none = int(np.argmin(means)), len(offsets) // 2
    if abs(offsets[best]) < _LATE_S or means[best] > _BETTER * means[none]:
        return 0.0
    gained = errors[none] - errors[best]
    gained = gained[np.isfinite(gained)]
    sure = gained.mean() > _SURE * gained.std() / np.sqrt(len(gained))
    return float(offsets[best]) if sure else 0.0


def _tilt(seen: PictureTurns, stamps: npt.NDArray[np.int64], poses: Array, offset: float) -> tuple[float, float]:
    """Median angles in degrees between the axes of the turns, and between the turns themselves."""
    true = _turns(seen, stamps, poses, offset)
    lengths = np.linalg.norm(true, axis=1)
    turning = np.degrees(lengths) > _TURN_DEG
    true, found = true[turning], seen.turns[turning]
    cosine = (true * found).sum(axis=1) / (lengths[turning] * np.linalg.norm(found, axis=1).clip(1e-9))
    axes = np.degrees(np.arccos(cosine.clip(-1.0, 1.0)))
    rotations = zip(true, found, strict=True)
    apart = [np.degrees(se3.rotation_angle(cv2.Rodrigues(a)[0].T @ cv2.Rodrigues(b)[0])) for a, b in rotations]
    return float(np.median(axes)), float(np.median(apart))
