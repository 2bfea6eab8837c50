"""Calibration from a network's results on drives, replayed with fits that do not include the replayed frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion
from vlocnet_ros.runtime.integrity.predicted_error import (
    PredictedError,
    cross_validated_errors,
    fit_predicted_error,
    log_errors,
)
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty
from vlocnet_ros.runtime.integrity.uncertainty_fit import fit_uncertainty

Array = npt.NDArray[np.float64]

#: Values of `ConsensusConfig.recency` to try.
RECENCIES = (8.0, 12.0, 20.0, 30.0, 45.0)


@dataclass(frozen=True)
class RegressedDrive:
    """Results of a network for the N frames of one sequence, and the true poses.

    Attributes:
        stamps: (N,) nanoseconds.
        map_T_camera: (N, 4, 4) true poses.
        regressed: (N, 4, 4) poses of single frames, regressed or solved.
        motions: motion of each frame since the previous one (4, 4), or None.
        features: (N, E) numbers from which the errors of these poses are predicted.
        pose_features: (N, F) features from which poses were regressed; F is 0 without a pose stream.
    """

    stamps: npt.NDArray[np.int64]
    map_T_camera: Array
    regressed: Array
    motions: tuple[Array | None, ...]
    features: npt.NDArray[np.floating]
    pose_features: npt.NDArray[np.floating]


class CalibrationFit(NamedTuple):
    """Result of a calibration.

    Attributes:
        frame_error: predicted error of single frames; None if it is no better than a constant.
        uncertainty: covariance of the consensus; None if it cannot be fitted.
        tracking: best configuration of the pose fusion.
        poses: (N, 4, 4) fused poses of all frames, with predicted errors that were fitted to other frames.
    """

    frame_error: PredictedError | None
    uncertainty: Uncertainty | None
    tracking: TrackingConfig
    poses: Array


def with_recencies(tracking: TrackingConfig, recencies: Sequence[float] = RECENCIES) -> list[TrackingConfig]:
    """Return a configuration, and copies of it with other values of `ConsensusConfig.recency`; each once.

    Raises:
        ConfigError: a value is not valid.
    """
    consensus = tracking.consensus
    each_once = dict.fromkeys((consensus.recency, *recencies))
    return [replace(tracking, consensus=replace(consensus, recency=recency)) for recency in each_once]


def fit(drives: Sequence[RegressedDrive], candidates: Sequence[TrackingConfig]) -> CalibrationFit:
    """Fit the predicted error of single frames, choose the pose fusion, and fit the uncertainty of its consensus.

    A `PredictedError` is too small for the frames to which it was fitted. Therefore the pose fusion and the uncertainty
    are fitted to errors that were predicted by a fit to other frames.

    Args:
        drives: results of a network with true poses.
        candidates: configurations of the pose fusion, of which the best is chosen; the first of equally good ones.
    """
    features = [drive.features for drive in drives]
    errors = [twist_errors(drive.regressed, drive.map_T_camera) for drive in drives]
    expected = cross_validated_errors(features, errors)
    frame_error = None if expected is None else fit_predicted_error(np.concatenate(features), np.concatenate(errors))
    ends = np.cumsum([len(drive.stamps) for drive in drives])[:-1]
    parts = np.split(np.zeros((sum(map(len, errors)), 2)) if expected is None else expected, ends)
    true = np.concatenate([drive.map_T_camera for drive in drives])
    replays = [_replay(drives, parts, true, each) for each in candidates]
    best = int(np.argmin([log_errors(replay.errors).mean() for replay in replays]))
    poses, evidence, fused_errors = replays[best]
    enough = np.isfinite(evidence).all(axis=1)
    uncertainty = fit_uncertainty(evidence[enough], fused_errors[enough])
    return CalibrationFit(frame_error, uncertainty, candidates[best], poses)


class _Replay(NamedTuple):
    """Fused poses (N, 4, 4) of all frames of some drives, their evidence (N, 6), and their errors (N, 6)."""

    poses: Array
    evidence: Array
    errors: Array


def _replay(
    drives: Sequence[RegressedDrive], expected: Sequence[Array], true: Array, tracking: TrackingConfig
) -> _Replay:
    runs = [_fused(drive, e, tracking) for drive, e in zip(drives, expected, strict=True)]
    poses, evidence = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    return _Replay(poses, evidence, twist_errors(poses, true))


def _fused(drive: RegressedDrive, expected: Array, tracking: TrackingConfig) -> tuple[Array, Array]:
    """Fuse the poses of a drive; return poses (N, 4, 4) and evidence (N, 6), NaN without enough frames."""
    fusion = PoseFusion(np.eye(6), None, tracking)
    frames = zip(drive.regressed, drive.motions, drive.stamps.tolist(), expected, strict=True)
    fused = [fusion.step(*frame) for frame in frames]
    unknown = np.full(6, np.nan)
    evidence = [unknown if one.evidence is None else one.evidence for one in fused]
    return np.stack([one.pose for one in fused]), np.stack(evidence)
