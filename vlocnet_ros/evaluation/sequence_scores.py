"""Scores of a checkpoint on sequences, and of baselines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Sequence as Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.metrics import nearest_frames, pose_metrics, trajectories
from vlocnet_ros.runtime.estimate import Estimate

Array = npt.NDArray[np.float64]
Numbers = dict[str, Any]


class SequenceEstimates(NamedTuple):
    """Frames of a sequence that were not refused, and their estimates, in order."""

    frames: Sequence
    estimates: list[Estimate]

    @property
    def regressed(self) -> Array:
        """Regressed poses (N, 4, 4) of single frames, map_T_camera, of a network with a pose stream."""
        return np.stack([p for e in self.estimates if (p := e.regressed_T_camera) is not None])

    @property
    def moved(self) -> npt.NDArray[np.int64]:
        """Positions (P,) of the frames whose motion since the previous frame was estimated."""
        return np.array([i for i, e in enumerate(self.estimates) if e.previous_T_camera is not None], dtype=np.int64)

    @property
    def motions(self) -> Array:
        """Estimated motions (P, 4, 4) of these frames, previous_T_camera."""
        return np.stack([m for e in self.estimates if (m := e.previous_T_camera) is not None])

    @property
    def true_motions(self) -> Array:
        """True motions (P, 4, 4) of these frames; NaN where a true pose is unknown."""
        poses = self.frames.map_T_camera
        return se3.inverse(poses[self.moved - 1]) @ poses[self.moved]


def regressed_errors(estimates: SequenceEstimates) -> Array:
    """Return errors (N, 6) x y z rX rY rZ of the regressed poses about the map's axes, of frames with true poses."""
    known = estimates.frames.has_pose
    if not known.any():
        return np.zeros((0, 6))
    return pose_metrics.twist_errors(estimates.regressed[known], estimates.frames.map_T_camera[known])


def motion_errors(estimates: SequenceEstimates) -> Array:
    """Return errors (P, 6) of motions about the previous optical frame's axes, of frames with true motions."""
    if len(estimates.moved) == 0:
        return np.zeros((0, 6))
    true = estimates.true_motions
    known = np.isfinite(true).all(axis=(1, 2))
    return pose_metrics.twist_errors(estimates.motions[known], true[known]) if known.any() else np.zeros((0, 6))


def pose_summary(estimated: Array, truth: Array) -> Numbers:
    """Return medians, quantiles and shares of the errors of poses (N, 4, 4)."""
    errors = pose_metrics.pose_errors(estimated, truth)
    return {
        "median_m": errors.median_m,
        "median_deg": errors.median_deg,
        "p90_m": float(np.quantile(errors.metres, 0.9)),
        "p90_deg": float(np.quantile(errors.degrees, 0.9)),
        "within_5cm_5deg": errors.share_within(),
        "within_25cm_5deg": errors.share_within(0.25, 5.0),
        "frames": len(truth),
    }


def pose_scores(sequences: Collection[SequenceEstimates]) -> Numbers:
    """Return scores of the published poses (``pose``) and of the poses of single frames (``regressed``)."""
    known = np.concatenate([s.frames.has_pose for s in sequences])
    estimated = np.stack([e.map_T_camera for s in sequences for e in s.estimates])[known]
    truth = np.concatenate([s.frames.map_T_camera for s in sequences])[known]
    regressed = np.concatenate([s.regressed for s in sequences])[known]
    return {"pose": pose_summary(estimated, truth), "regressed": pose_summary(regressed, truth)}


def pose_baselines(sequences: Collection[SequenceEstimates], train: Collection[Sequence]) -> Numbers:
    """Return scores of baselines: the pose of the most similar training frame, and of the nearest one."""
    posed = [s.frames.with_poses() for s in sequences if s.frames.has_pose.any()]
    if not posed:
        return {}
    truth = np.concatenate([frames.map_T_camera for frames in posed])
    known = np.concatenate([sequence.map_T_camera for sequence in train])
    similar = np.concatenate([nearest_frames.thumbnail_nearest_neighbour(list(train), frames) for frames in posed])
    return {
        "thumbnail_nearest_neighbour": pose_summary(similar, truth),
        "nearest_training_pose": pose_summary(nearest_frames.nearest_training_pose(known, truth), truth),
    }


def odometry_scores(sequences: Collection[SequenceEstimates], segment_m: float) -> Numbers | None:
    """Return relative errors over segments; None if no sequence is long enough. Prints the sequences that are not."""

    def report(sequence: Sequence, error: DatasetError) -> None:
        print(f"{sequence.name}: no odometry numbers ({error})", file=sys.stderr)

    return _odometry_summary(sequences, lambda s: s.motions, segment_m, report)


def odometry_baseline(
    sequences: Collection[SequenceEstimates], train: Collection[Sequence], segment_m: float
) -> Numbers | None:
    """Return relative errors of the mean motion of the training frames, over the segments of `odometry_scores`."""
    moves = [se3.inverse(s.map_T_camera[p[:, 0]]) @ s.map_T_camera[p[:, 1]] for s in train if len(p := s.pairs()) > 0]
    if not moves:
        return None
    mean = _mean_motion(np.concatenate(moves))
    return _odometry_summary(sequences, lambda s: np.broadcast_to(mean, (len(s.moved), 4, 4)), segment_m)


def segmentation_scores(score: pose_metrics.SegmentationScore, class_names: Collection[str]) -> Numbers:
    """Return the mean intersection over union, and that of each class that occurs."""
    iou = zip(class_names, score.iou.tolist(), strict=True)
    return {
        "miou": score.mean_iou,
        "pixel_accuracy": score.pixel_accuracy,
        "iou": {name: value for name, value in iou if np.isfinite(value)},
    }


def refinement_scores(sequences: Collection[SequenceEstimates]) -> Numbers:
    """Return the share of refined frames, and the time of the refinement in addition to the network's."""
    estimates = [e for s in sequences for e in s.estimates]
    milliseconds = [e.timings["refine"] for e in estimates if "refine" in e.timings]
    p50, p95 = np.percentile(milliseconds, [50, 95]).tolist() if milliseconds else (float("nan"), float("nan"))
    return {"refined": float(np.mean([e.refined for e in estimates])), "p50_ms": p50, "p95_ms": p95}


def _odometry_summary(
    sequences: Collection[SequenceEstimates],
    motions_of: Callable[[SequenceEstimates], Array],
    segment_m: float,
    too_short: Callable[[Sequence, DatasetError], None] = lambda sequence, error: None,
) -> Numbers | None:
    """Pool the relative errors of all sequences that are long enough; None without any."""
    parts = []
    for s in sequences:
        moved = s.moved
        if len(moved) == 0:
            continue
        pairs = np.stack([moved - 1, moved], axis=1)
        try:
            parts.append(trajectories.odometry_errors(motions_of(s), pairs, s.frames.map_T_camera, segment_m=segment_m))
        except DatasetError as error:
            too_short(s.frames, error)
    if not parts:
        return None
    errors = trajectories.pooled(parts)
    return {
        "rpe_percent": errors.mean_percent,
        "rpe_deg_per_m": errors.mean_deg_per_m,
        "segment_m": segment_m,
        "segments": len(errors.percent),
    }


def _mean_motion(motions: Array) -> Array:
    """Return the rigid motion (4, 4) nearest to the mean of motions (N, 4, 4)."""
    mean = np.eye(4)
    mean[:3, :3] = se3.nearest_rotation(motions[:, :3, :3].mean(0))
    mean[:3, 3] = motions[:, :3, 3].mean(0)
    return mean
