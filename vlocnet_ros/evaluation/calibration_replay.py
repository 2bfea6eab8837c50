"""Drives judged again from what a network said of their frames: what was held out of a fit is not seen by it."""

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
    fit_predicted_error,
    log_errors,
    said_by_others,
)
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty
from vlocnet_ros.runtime.integrity.uncertainty_fit import fit_uncertainty

Array = npt.NDArray[np.float64]

#: Values that are tried for `ConsensusConfig.recency`.
RECENCIES = (8.0, 12.0, 20.0, 30.0, 45.0)


@dataclass(frozen=True)
class RegressedDrive:
    """What a network said of the N frames of one sequence, and what is true.

    Attributes:
        stamps: (N,) nanoseconds.
        map_T_camera: (N, 4, 4) true poses.
        regressed: (N, 4, 4) what each frame alone says.
        motions: of each frame since the one before (4, 4), or None.
        features: (N, F) that the poses were regressed from.
    """

    stamps: npt.NDArray[np.int64]
    map_T_camera: Array
    regressed: Array
    motions: tuple[Array | None, ...]
    features: Array


class CalibrationFit(NamedTuple):
    """What drives taught: of errors, and how long to remember; poses (N, 4, 4) of all frames, judged by the others."""

    frame_error: PredictedError | None
    uncertainty: Uncertainty | None
    tracking: TrackingConfig
    poses: Array


def with_recencies(tracking: TrackingConfig, memories: Sequence[float] = RECENCIES) -> list[TrackingConfig]:
    """A configuration, and the same with other values of `ConsensusConfig.recency`; each once.

    Raises:
        ConfigError: a value is none.
    """
    known = tracking.consensus
    each_once = dict.fromkeys((known.recency, *memories))
    return [replace(tracking, consensus=replace(known, recency=memory)) for memory in each_once]


def fit(drives: Sequence[RegressedDrive], candidates: Sequence[TrackingConfig]) -> CalibrationFit:
    """Learn how wrong single frames are, how to join them, and how uncertain what they agree on is then.

    A `PredictedError` is too good on the frames that it was fitted to. So the consensus and the uncertainty are fitted
    to errors that were predicted by a fit to the other frames.

    Args:
        candidates: ways to join frames, of which the best is chosen; of equally good ones the first.
    """
    features = [drive.features for drive in drives]
    errors = [twist_errors(drive.regressed, drive.map_T_camera) for drive in drives]
    expected = said_by_others(features, errors)
    frame_error = None if expected is None else fit_predicted_error(np.concatenate(features), np.concatenate(errors))
    ends = np.cumsum([len(drive.stamps) for drive in drives])[:-1]
    parts = np.split(np.zeros((sum(map(len, errors)), 2)) if expected is None else expected, ends)
    true = np.concatenate([drive.map_T_camera for drive in drives])
    replays = [_replay(drives, parts, true, each) for each in candidates]
    best = int(np.argmin([log_errors(replay.errors).mean() for replay in replays]))
    poses, shown, off = replays[best]
    enough = np.isfinite(shown).all(axis=1)
    return CalibrationFit(frame_error, fit_uncertainty(shown[enough], off[enough]), candidates[best], poses)


class _Replay(NamedTuple):
    """Poses (N, 4, 4) of all frames of some drives, evidence (N, 6), and how far the poses are off (N, 6)."""

    poses: Array
    shown: Array
    errors: Array


def _replay(
    drives: Sequence[RegressedDrive], expected: Sequence[Array], true: Array, tracking: TrackingConfig
) -> _Replay:
    runs = [_judged(drive, e, tracking) for drive, e in zip(drives, expected, strict=True)]
    poses, shown = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    return _Replay(poses, shown, twist_errors(poses, true))


def _judged(drive: RegressedDrive, expected: Array, tracking: TrackingConfig) -> tuple[Array, Array]:
    """Poses (N, 4, 4) and evidence (N, 6), NaN where there is too little."""
    judge = PoseFusion(np.eye(6), None, tracking)
    frames = zip(drive.regressed, drive.motions, drive.stamps.tolist(), expected, strict=True)
    verdicts = [judge.step(*frame) for frame in frames]
    nothing = np.full(6, np.nan)
    shown = [nothing if verdict.evidence is None else verdict.evidence for verdict in verdicts]
    return np.stack([verdict.pose for verdict in verdicts]), np.stack(shown)
