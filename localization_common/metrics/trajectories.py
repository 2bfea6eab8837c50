"""Trajectories: integration of relative motions, and errors against the truth with evo.

The literature has several definitions of the relative pose error (RPE). Here it is taken over *segments*: for each pose
i, the pose j > i whose distance along the true path is nearest to the segment's length, if it is within a tenth of it
(evo's ``all_pairs`` by path, pairs from the reference). The error pose is E = (Q_i^-1 Q_j)^-1 (P_i^-1 P_j) with Q true
and P estimated; its translation divided by the segment's true path length gives per cent, its rotation angle divided by
the same length gives degrees per metre. Means over all segments are reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from evo.core import filters, metrics
from evo.core.trajectory import PosePath3D

from localization_common.errors import DatasetError

Array = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

#: Allowed difference of the path between two poses from a segment's length, as a share of the length (evo's default).
SEGMENT_TOLERANCE = 0.1


@dataclass(frozen=True)
class RelativeErrors:
    """Relative pose errors of M segments.

    Attributes:
        percent: (M,) translation error, per cent of the segment's true path length.
        deg_per_m: (M,) rotation error, degrees per metre of it.
        first, last: (M,) positions of the segment's ends in the trajectory.
    """

    percent: Array
    deg_per_m: Array
    first: Positions
    last: Positions

    @property
    def mean_percent(self) -> float:
        """Mean translation error in per cent: ``odometry.rpe_percent``."""
        return float(self.percent.mean())

    @property
    def mean_deg_per_m(self) -> float:
        """Mean rotation error in degrees per metre: ``odometry.rpe_deg_per_m``."""
        return float(self.deg_per_m.mean())


def integrate(previous_T_current: Array, start: Array | None = None) -> Array:
    """Trajectory (N + 1, 4, 4) that begins at ``start`` (identity).

    Each of the motions (N, 4, 4) is in the frame where the one before ended.
    """
    poses = [np.eye(4) if start is None else start]
    for motion in previous_T_current:
        poses.append(poses[-1] @ motion)
    return np.stack(poses)


def runs(pairs: Positions) -> list[Positions]:
    """Rows of each unbroken stretch of pairs (P, 2) of consecutive positions (`Sequence.pairs`)."""
    if len(pairs) == 0:
        return []
    breaks = np.nonzero(pairs[1:, 0] != pairs[:-1, 1])[0] + 1
    return [np.asarray(rows, dtype=np.int64) for rows in np.split(np.arange(len(pairs)), breaks)]


def odometry_errors(
    previous_T_current: Array, pairs: Positions, truth: Array, *, segment_m: float = 1.0
) -> RelativeErrors:
    """Relative errors of odometry that was estimated pair by pair, integrated over each unbroken stretch of pairs.

    Args:
        previous_T_current: (P, 4, 4) estimated motions.
        pairs: (P, 2) positions of the frames before and after each motion (`Sequence.pairs`).
        truth: (N, 4, 4) true poses of all frames, of the same body; NaN where unknown: a stretch ends there.
        segment_m: length of the segments, metres.

    Raises:
        DatasetError: no stretch holds a segment of this length.
    """
    known = np.asarray(np.isfinite(truth).all(axis=(1, 2)))[pairs].all(axis=1)
    previous_T_current, pairs = previous_T_current[known], pairs[known]
    found = []
    for rows in runs(pairs):
        positions = np.append(pairs[rows, 0], pairs[rows[-1], 1])
        estimated = integrate(previous_T_current[rows], truth[positions[0]])
        errors = _relative_errors(estimated, truth[positions], segment_m)
        found.append(RelativeErrors(errors.percent, errors.deg_per_m, positions[errors.first], positions[errors.last]))
    return _require_segments(pooled(found), segment_m)


def pooled(parts: Iterable[RelativeErrors]) -> RelativeErrors:
    """Segments of several trajectories together, so that each segment has the same weight in a mean."""
    every = list(parts)
    nothing: list[Array] = [np.zeros(0)]
    none: list[Positions] = [np.zeros(0, dtype=np.int64)]
    return RelativeErrors(
        np.concatenate([p.percent for p in every] or nothing),
        np.concatenate([p.deg_per_m for p in every] or nothing),
        np.concatenate([p.first for p in every] or none),
        np.concatenate([p.last for p in every] or none),
    )


def _relative_errors(estimated: Array, truth: Array, segment_m: float) -> RelativeErrors:
    tolerance = SEGMENT_TOLERANCE * segment_m
    pairs = filters.filter_pairs_by_path(list(truth), segment_m, tolerance, all_pairs=True)
    if not pairs:
        return pooled([])
    first, last = np.array(pairs, dtype=np.int64).T
    paths = (_path(truth), _path(estimated))
    errors = []
    for relation in (metrics.PoseRelation.translation_part, metrics.PoseRelation.rotation_angle_deg):
        metric = metrics.RPE(
            relation, segment_m, metrics.Unit.meters, SEGMENT_TOLERANCE, all_pairs=True, pairs_from_reference=True
        )
        metric.process_data(paths)
        errors.append(np.asarray(metric.error, dtype=np.float64))
    steps = np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=-1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    length = travelled[last] - travelled[first]
    return RelativeErrors(100.0 * errors[0] / length, errors[1] / length, first, last)


def _require_segments(errors: RelativeErrors, segment_m: float) -> RelativeErrors:
    if len(errors.percent) == 0:
        raise DatasetError(
            f"no two poses are {segment_m} m (+-{SEGMENT_TOLERANCE:.0%}) of unbroken path apart: the drive is too "
            "short, stands still, or its frames are further apart than that; choose another segment length"
        )
    return errors


def _path(poses: Array) -> PosePath3D:
    return PosePath3D(poses_se3=[np.array(pose) for pose in poses])
