"""Numbers for what a checkpoint said about sequences, and for what it has to beat."""

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
    """The frames of a sequence that were not refused, and the estimates for them, in order."""

    frames: Sequence
    estimates: list[Estimate]

    @property
    def regressed(self) -> Array:
        """(N, 4, 4) each frame's own pose, map_T_camera, of a network with a pose stream."""
        return np.stack([p for e in self.estimates if (p := e.regressed_T_camera) is not None])

    @property
    def moved(self) -> npt.NDArray[np.int64]:
        """(P,) positions of the frames whose motion since the frame before was estimated."""
        return np.array([i for i, e in enumerate(self.estimates) if e.previous_T_camera is not None], dtype=np.int64)

    @property
    def motions(self) -> Array:
        """(P, 4, 4) these motions, previous_T_camera."""
        return np.stack([m for e in self.estimates if (m := e.previous_T_camera) is not None])

    @property
    def true_motions(self) -> Array:
        """(P, 4, 4) what they should be; they hold NaN where a true pose is unknown."""
        poses = self.frames.map_T_camera
        return se3.inverse(poses[self.moved - 1]) @ poses[self.moved]


def regressed_errors(answers: SequenceEstimates) -> Array:
    """(N, 6) errors of each frame's own pose, x y z rX rY rZ about the map's axes, where the true one is known."""
    known = answers.frames.has_pose
    if not known.any():
        return np.zeros((0, 6))
    return pose_metrics.twist_errors(answers.regressed[known], answers.frames.map_T_camera[known])


def motion_errors(answers: SequenceEstimates) -> Array:
    """(P, 6) errors of motions about the previous optical frame's axes, where the true ones are known."""
    if len(answers.moved) == 0:
        return np.zeros((0, 6))
    true = answers.true_motions
    known = np.isfinite(true).all(axis=(1, 2))
    return pose_metrics.twist_errors(answers.motions[known], true[known]) if known.any() else np.zeros((0, 6))


def pose_summary(estimated: Array, truth: Array) -> Numbers:
    """Medians and the like of poses (N, 4, 4)."""
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


def pose_scores(answers: Collection[SequenceEstimates]) -> Numbers:
    """``pose``: what a robot is told; ``regressed``: of each frame by itself."""
    known = np.concatenate([a.frames.has_pose for a in answers])
    estimated = np.stack([e.map_T_camera for a in answers for e in a.estimates])[known]
    truth = np.concatenate([a.frames.map_T_camera for a in answers])[known]
    regressed = np.concatenate([a.regressed for a in answers])[known]
    return {"pose": pose_summary(estimated, truth), "regressed": pose_summary(regressed, truth)}


def pose_baselines(answers: Collection[SequenceEstimates], train: Collection[Sequence]) -> Numbers:
    """Answering with the pose of a training frame: of the one that looks most alike, or stands nearest."""
    posed = [a.frames.with_poses() for a in answers if a.frames.has_pose.any()]
    if not posed:
        return {}
    truth = np.concatenate([frames.map_T_camera for frames in posed])
    known = np.concatenate([sequence.map_T_camera for sequence in train])
    alike = np.concatenate([nearest_frames.thumbnail_nearest_neighbour(list(train), frames) for frames in posed])
    return {
        "thumbnail_nearest_neighbour": pose_summary(alike, truth),
        "nearest_training_pose": pose_summary(nearest_frames.nearest_training_pose(known, truth), truth),
    }


def odometry_scores(answers: Collection[SequenceEstimates], segment_m: float) -> Numbers | None:
    """Relative errors over segments; None where none is that long, which is told for each sequence."""

    def tell(sequence: Sequence, error: DatasetError) -> None:
        print(f"{sequence.name}: no odometry numbers ({error})", file=sys.stderr)

    return _odometry_summary(answers, lambda a: a.motions, segment_m, tell)


def odometry_baseline(
    answers: Collection[SequenceEstimates], train: Collection[Sequence], segment_m: float
) -> Numbers | None:
    """Always moving as the training frames do on average, scored where `odometry_scores` has numbers."""
    moves = [se3.inverse(s.map_T_camera[p[:, 0]]) @ s.map_T_camera[p[:, 1]] for s in train if len(p := s.pairs()) > 0]
    if not moves:
        return None
    mean = _mean_motion(np.concatenate(moves))
    return _odometry_summary(answers, lambda a: np.broadcast_to(mean, (len(a.moved), 4, 4)), segment_m)


def segmentation_scores(score: pose_metrics.SegmentationScore, class_names: Collection[str]) -> Numbers:
    """Mean intersection over union, and of each class that occurs."""
    iou = zip(class_names, score.iou.tolist(), strict=True)
    return {
        "miou": score.mean_iou,
        "pixel_accuracy": score.pixel_accuracy,
        "iou": {name: value for name, value in iou if np.isfinite(value)},
    }


def refinement_scores(answers: Collection[SequenceEstimates]) -> Numbers:
    """Share of the frames that were refined, and what that took on top of the network."""
    estimates = [e for a in answers for e in a.estimates]
    milliseconds = [e.timings["refine"] for e in estimates if "refine" in e.timings]
    p50, p95 = np.percentile(milliseconds, [50, 95]).tolist() if milliseconds else (float("nan"), float("nan"))
    return {"refined": float(np.mean([e.refined for e in estimates])), "p50_ms": p50, "p95_ms": p95}


def _odometry_summary(
    answers: Collection[SequenceEstimates],
    motions_of: Callable[[SequenceEstimates], Array],
    segment_m: float,
    too_short: Callable[[Sequence, DatasetError], None] = lambda sequence, error: None,
) -> Numbers | None:
    """Of all sequences with motions that are long enough; None without any."""
    parts = []
    for a in answers:
        moved = a.moved
        if len(moved) == 0:
            continue
        pairs = np.stack([moved - 1, moved], axis=1)
        try:
            parts.append(trajectories.odometry_errors(motions_of(a), pairs, a.frames.map_T_camera, segment_m=segment_m))
        except DatasetError as error:
            too_short(a.frames, error)
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
    """The rigid motion (4, 4) nearest to the mean of these (N, 4, 4)."""
    mean = np.eye(4)
    mean[:3, :3] = se3.nearest_rotation(motions[:, :3, :3].mean(0))
    mean[:3, 3] = motions[:, :3, 3].mean(0)
    return mean
