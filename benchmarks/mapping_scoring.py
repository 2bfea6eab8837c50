"""Scores of a map against true poses that the mapping did not use."""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.metrics.alignment import Alignment, align
from localization_common.metrics.pose_metrics import PoseErrors, pose_errors
from localization_mapping.mapped_place import MappedPlace

Array = npt.NDArray[np.float64]
Numbers = dict[str, Any]


@dataclass(frozen=True)
class MapScore:
    """Errors of a map after the alignment of its keyframes with the truth.

    Attributes:
        alignment: transform from the map to the frame of the truth; a similarity if the map has no scale of its own.
        scale_error: share by which the map is too large, by the best similarity.
        keyframes: errors of the keyframes' poses.
        frames: errors of the poses of all located frames.
        located: mask (N,) of the frames of all drives that have a pose.
    """

    alignment: Alignment
    scale_error: float
    keyframes: PoseErrors
    frames: PoseErrors
    located: npt.NDArray[np.bool_]

    def numbers(self) -> Numbers:
        """Numbers for a table."""
        return {
            "keyframes": len(self.keyframes.metres),
            "median_m": self.keyframes.median_m,
            "p95_m": percentile(self.keyframes.metres, 95.0),
            "median_deg": self.keyframes.median_deg,
            "scale_error": self.scale_error,
            "frames": len(self.located),
            "located": float(self.located.mean()),
            "frames_median_m": self.frames.median_m,
            "frames_p95_m": percentile(self.frames.metres, 95.0),
        }


def score_map(place: MappedPlace, truth: Many[Sequence], *, scaled: bool = False) -> MapScore:
    """Score a map.

    Args:
        place: map of the drives.
        truth: the same drives with true poses, which the mapping did not get.
        scaled: align by a similarity, for a map without a scale.

    Raises:
        DatasetError: the drives are others, or too few keyframes have a true pose.
    """
    true = [true_poses(drive.sequence, sequence) for drive, sequence in zip(place.drives, truth, strict=True)]
    rows = zip(place.keyframe_drive.tolist(), place.keyframe_position.tolist(), strict=True)
    keyframes = np.array([true[drive][position] for drive, position in rows])
    similarity = align(place.map_T_camera, keyframes, scaled=True)
    alignment = similarity if scaled else align(place.map_T_camera, keyframes)
    frames = np.concatenate([drive.map_T_camera for drive in place.drives])
    return MapScore(
        alignment,
        similarity.scale_error,
        known_errors(alignment.applied(place.map_T_camera), keyframes),
        known_errors(alignment.applied(frames), np.concatenate(true)),
        np.concatenate([drive.located for drive in place.drives]),
    )


def score_frames(map_T_camera: Array, truth: Array) -> tuple[Alignment, Numbers]:
    """Align the located frames of a metric map with the truth; return the alignment and numbers for a table.

    Args:
        map_T_camera: (N, 4, 4) poses of all frames in the map; NaN where a frame was not located.
        truth: (N, 4, 4) true poses.
    """
    alignment = align(map_T_camera, truth)
    errors = known_errors(alignment.applied(map_T_camera), truth)
    p95 = percentile(errors.metres, 95.0)
    return alignment, {
        "keyframes": None,
        "median_m": errors.median_m,
        "p95_m": p95,
        "median_deg": errors.median_deg,
        "scale_error": align(map_T_camera, truth, scaled=True).scale_error,
        "frames": len(truth),
        "located": float(np.isfinite(map_T_camera[:, 0, 0]).mean()),
        "frames_median_m": errors.median_m,
        "frames_p95_m": p95,
        "metric": True,
    }


def true_poses(mapped: Sequence, truth: Sequence) -> Array:
    """True poses (N, 4, 4) of the frames of a mapped drive, by their stamps.

    Raises:
        DatasetError: a frame is not in the truth.
    """
    positions = np.searchsorted(truth.stamps, mapped.stamps)
    found = positions < len(truth)
    found[found] = truth.stamps[positions[found]] == mapped.stamps[found]
    if not found.all():
        raise DatasetError(f"{mapped.name}: {(~found).sum()} of {len(found)} frames are not in {truth.name}")
    return truth.map_T_camera[positions]


def known_errors(estimated: Array, truth: Array) -> PoseErrors:
    """Errors of the poses that are known in both."""
    known = np.isfinite(estimated).all(axis=(1, 2)) & np.isfinite(truth).all(axis=(1, 2))
    return pose_errors(estimated[known], truth[known])


def percentile(values: Array, percent: float) -> float | None:
    """Percentile of values; None without values."""
    return float(np.percentile(values, percent)) if len(values) else None


def wheels_alone(sequence: Sequence) -> Numbers:
    """Numbers of the recorded odometry after its own best alignment, for comparison.

    Raises:
        DatasetError: the drive has no odometry.
    """
    if sequence.odom_T_base is None:
        raise DatasetError(f"{sequence.name}: has no odometry to compare with")
    odom_T_camera = sequence.odom_T_base @ sequence.base_T_camera
    errors = known_errors(align(odom_T_camera, sequence.map_T_camera).applied(odom_T_camera), sequence.map_T_camera)
    scale_error = align(odom_T_camera, sequence.map_T_camera, scaled=True).scale_error
    return {
        "median_m": errors.median_m,
        "p95_m": percentile(errors.metres, 95.0),
        "median_deg": errors.median_deg,
        "scale_error": scale_error,
    }
