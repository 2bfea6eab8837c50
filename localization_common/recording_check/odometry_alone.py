"""Findings on the odometry without a comparison: its speed, its jumps, and whether it moves when pictures do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from localization_common.camera.image_checks import MIN_CONTRAST
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.recording_check.findings import Grade
from localization_common.recording_check.jumps import Jump, jumps_of_odometry
from localization_common.recording_check.motion import relative
from localization_common.recording_check.samples import PictureSample

#: Speeds of the moving robot, metres a second, median: no robot that this package is for drives faster, and no vehicle.
_FAST, _IMPOSSIBLE = 10.0, 50.0
#: Step below which the robot stands, metres.
_STILL_M = 0.005
#: Way and turn from the first pose within which the odometry stands, metres and degrees.
_STANDING_M, _STANDING_DEG = 0.05, 3.0
#: Median deviation over the recording from which on a part of the view changes, as a share of the picture's contrast;
#: and the share of such parts in pictures of a camera that moves. Somebody who walks past changes each part for a short
#: time only, and light changes the mean and the contrast, which are taken out.
_CHANGES, _MOVING_VIEW = 0.15, 0.5
#: Number of pictures for a finding.
_ENOUGH_PICTURES = 8


@dataclass(frozen=True)
class OdometryAlone:
    """Findings on the odometry alone.

    Attributes:
        verdict: grade.
        parts: findings in words.
        advice: remedies.
        speed: median speed of the moving robot, metres a second; NaN if it does not move.
        jumps: jumps.
    """

    verdict: Grade
    parts: tuple[str, ...]
    advice: tuple[str, ...]
    speed: float
    jumps: tuple[Jump, ...]


def odometry_alone(sequence: Sequence, sample: PictureSample, *, compared: bool) -> OdometryAlone:
    """Judge the odometry by itself and by the pictures.

    Args:
        sequence: recording with odometry.
        sample: measured pictures.
        compared: the odometry is compared with true poses, which shows better whether it jumps or stands.
    """
    speed = _speed(sequence)
    verdict, parts, advice = Grade.OK, [], []
    jumps = () if compared or speed > _FAST else tuple(jumps_of_odometry(sequence))
    if speed > _FAST:
        verdict = Grade.FAIL if speed > _IMPOSSIBLE else Grade.WARN
        parts.append(f"it moves at {speed:.0f} m/s, too fast for a robot")
        advice.append(
            "Are the positions in millimetres or centimetres? Publish metres and seconds. Only a vehicle on a road is "
            "as fast as that."
        )
    if jumps:
        verdict = Grade.WARN
        advice.append(
            "See why the odometry jumps, and record again: its driver may have been restarted. A map of this "
            "recording is bent there."
        )
    if not compared and _stands(sequence) and _view_moves(sample):
        verdict = Grade.WARN
        parts.append("it never moves although the pictures change")
        advice.append("See that the wheels' encoders count, and that this is the topic of the robot's odometry.")
    return OdometryAlone(verdict, tuple(parts), tuple(advice), speed, jumps)


def _speed(sequence: Sequence) -> float:
    """Median speed of the moving robot; NaN if it does not move."""
    assert sequence.odom_T_base is not None
    metres = np.linalg.norm(relative(sequence.odom_T_base)[:, :3, 3], axis=-1)
    with np.errstate(invalid="ignore"):
        moving = metres > _STILL_M
    speeds = metres[moving] / (np.diff(sequence.stamps)[moving] * 1e-9)
    return float(np.median(speeds)) if len(speeds) else float("nan")


def _stands(sequence: Sequence) -> bool:
    """Check whether the odometry stays where it began."""
    assert sequence.odom_T_base is not None
    poses = sequence.odom_T_base[sequence.has_odometry]
    moved = se3.inverse(poses[0]) @ poses
    turned = np.degrees(se3.rotation_angle(moved[:, :3, :3]))
    return bool(np.linalg.norm(moved[:, :3, 3], axis=-1).max() < _STANDING_M and turned.max() < _STANDING_DEG)


def _view_moves(sample: PictureSample) -> bool:
    """Check whether most of the view changes, apart from its brightness and contrast."""
    views = sample.thumbnails[sample.contrast >= MIN_CONTRAST]
    if len(views) < _ENOUGH_PICTURES:
        return False
    views = views - views.mean(axis=(1, 2), keepdims=True)
    views /= np.maximum(views.std(axis=(1, 2), keepdims=True), 1.0)
    changes = np.median(np.abs(views - np.median(views, axis=0)), axis=0)
    return float((changes > _CHANGES).mean()) > _MOVING_VIEW
