"""Scores of results against ground truth: the numbers of ``metrics.json``.

Definitions
    pose: errors of the published poses of the base at the stamps of true poses, without alignment; `frames` of them.
    odometry: relative errors over segments of the true path, see `localization_common.metrics.trajectories`.
    segmentation: mean intersection over union of the classes that occur, over all frames.
    belief: `median_m` is over all published poses; before it is localized, the filter publishes none.
        `success_rate` is the share of starts from a uniform belief whose most likely pose is within `RADIUS_M` after
        `HORIZON` frames; `steps_to_converge` is the median, over the starts that succeed, of the number of frames until
        it is within the radius and stays there to the horizon.
    runtime: `frames_dropped` is the number of frames that arrived and were replaced by a newer one.
Every frame is estimated; only frames with a true pose are scored. A value without estimate or ground truth is None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_localization.evaluation.drive_results import Array, Image, Results, common_stamps
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.metrics import pose_metrics, trajectories

#: A belief is a success within this distance (metres) ...
RADIUS_M = 0.5
#: ... after so many frames from a uniform one.
HORIZON = 10
#: Seconds between frames over which odometry is neither estimated nor scored.
MAX_GAP_S = 1.0

Metrics = dict[str, dict[str, float | int | None]]


def score(
    results: Results,
    truth: Sequence,
    *,
    start_errors: Array | None = None,
    segment_m: float = 1.0,
    max_gap_s: float = MAX_GAP_S,
) -> Metrics:
    """Compute all scores, under the keys of ``metrics.json``.

    Args:
        results: estimates of one drive.
        truth: the same drive with true poses, and with labels if the data has them.
        start_errors: position errors (S, HORIZON) in metres of beliefs that started uniform, one row for each start.
        segment_m: length of the odometry's segments, metres.
        max_gap_s: longest time between two frames over which odometry is scored, seconds.
    """
    latencies = np.array(list(results.latency_ms.values()))
    return {
        "pose": _pose(results, truth),
        "odometry": _odometry(results, truth, segment_m, max_gap_s),
        "segmentation": {"miou": mean_iou(results.labels, truth)},
        "belief": {"median_m": _belief_median(results, truth), **belief_convergence(start_errors)},
        "runtime": {
            "frames_in": results.frames_in,
            "frames_processed": results.frames_processed,
            "frames_dropped": results.frames_dropped,
            "latency_ms_p50": float(np.percentile(latencies, 50)) if len(latencies) else None,
            "latency_ms_p95": float(np.percentile(latencies, 95)) if len(latencies) else None,
        },
    }


def pose_errors(poses: Mapping[int, Array], truth: Sequence) -> tuple[npt.NDArray[np.int64], pose_metrics.PoseErrors]:
    """Stamps and errors of the poses of the base at the stamps of true poses.

    Raises:
        DatasetError: there are poses, but none has the stamp of a frame.
    """
    stamps, true = _with_truth(poses, truth)
    if poses and len(common_stamps(poses, truth.stamps)[0]) == 0:
        first, last = (truth.stamps[i] * 1e-9 for i in (0, -1))
        raise DatasetError(
            f"{truth.name}: none of {len(poses)} poses (from {min(poses) * 1e-9:.3f} s) has the stamp of a frame"
            f" ({first:.3f} to {last:.3f} s); were they estimated on another recording?"
        )
    estimated = np.array([poses[int(stamp)] for stamp in stamps]).reshape(-1, 4, 4)
    return stamps, pose_metrics.pose_errors(estimated, true)


def odometry_errors(
    results: Results, truth: Sequence, *, segment_m: float = 1.0, max_gap_s: float = MAX_GAP_S
) -> trajectories.RelativeErrors | None:
    """Relative errors of the integrated odometry; None without odometry or without a segment of this length."""
    stamps, true = _with_truth(results.odom_T_base, truth)
    if len(stamps) < 2:
        return None
    current = np.nonzero(np.diff(stamps) <= max_gap_s * 1e9)[0] + 1
    pairs = np.stack([current - 1, current], axis=1)
    odom_T_base = np.stack([results.odom_T_base[int(stamp)] for stamp in stamps])
    motions = se3.inverse(odom_T_base[pairs[:, 0]]) @ odom_T_base[pairs[:, 1]]
    try:
        return trajectories.odometry_errors(motions, pairs, true, segment_m=segment_m)
    except DatasetError:
        return None  # the drive has no segment of this length


def belief_errors(results: Results, truth: Sequence) -> tuple[npt.NDArray[np.int64], Array]:
    """Stamps and position errors in metres (N,) of the particle filter's poses."""
    poses = results.planar_T_base
    stamps, true = _with_truth(poses, truth)
    estimated = np.array([poses[int(stamp)][:2, 3] for stamp in stamps]).reshape(-1, 2)
    return stamps, np.linalg.norm(estimated - true[:, :2, 3], axis=1)


def belief_convergence(start_errors: Array | None) -> dict[str, float | int | None]:
    """Compute `success_rate` and `steps_to_converge` of errors (S, T) in metres, one row for each start."""
    if start_errors is None or len(start_errors) == 0:
        return {"success_rate": None, "steps_to_converge": None}
    within = start_errors <= RADIUS_M
    succeeded = within[:, -1]
    # A row has converged after its last step outside the radius.
    steps = np.array([1 + int(np.max(np.nonzero(~row)[0], initial=-1)) + 1 for row in within])
    return {
        "success_rate": float(succeeded.mean()),
        "steps_to_converge": float(np.median(steps[succeeded])) if succeeded.any() else None,
    }


def mean_iou(labels: Mapping[int, Image], truth: Sequence) -> float | None:
    """Mean intersection over union of label images against the ground truth's; None without either."""
    stamps, positions = common_stamps(labels, truth.stamps)
    if truth.read_labels is None or len(stamps) == 0:
        return None
    scored = pose_metrics.SegmentationScore(len(truth.class_names))
    for stamp, position in zip(stamps, positions, strict=True):
        estimate, true = labels[int(stamp)], truth.read_labels(int(position)).copy()
        true[estimate == pose_metrics.IGNORE] = pose_metrics.IGNORE  # outside the network's view
        scored.add(estimate, true)
    return _number(scored.mean_iou)


def write_metrics(path: str | Path, values: Metrics) -> None:
    """Write ``metrics.json``."""
    Path(path).write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _with_truth(poses: Mapping[int, Array], truth: Sequence) -> tuple[npt.NDArray[np.int64], Array]:
    """Stamps (M,) of poses whose frame has a true pose, and these true poses of the base (M, 4, 4)."""
    posed = np.flatnonzero(truth.has_pose)
    stamps, positions = common_stamps(poses, truth.stamps[posed])
    return stamps, truth.map_T_base[posed[positions]]


def _pose(results: Results, truth: Sequence) -> dict[str, Any]:
    stamps, errors = pose_errors(results.map_T_base, truth)
    return {
        "median_m": _number(errors.median_m),
        "median_deg": _number(errors.median_deg),
        "within_5cm_5deg": _number(errors.share_within()),
        "frames": len(stamps),
    }


def _odometry(results: Results, truth: Sequence, segment_m: float, max_gap_s: float) -> dict[str, Any]:
    errors = odometry_errors(results, truth, segment_m=segment_m, max_gap_s=max_gap_s)
    if errors is None:
        return {"rpe_percent": None, "rpe_deg_per_m": None}
    return {"rpe_percent": errors.mean_percent, "rpe_deg_per_m": errors.mean_deg_per_m}


def _belief_median(results: Results, truth: Sequence) -> float | None:
    _, errors = belief_errors(results, truth)
    return float(np.median(errors)) if len(errors) else None


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
