"""Drives judged again from what a network said of their frames: what was held out of a fit is not seen by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from localization_common.metrics import twist_errors
from vlocnet_ros.integrity.calibration import fit_uncertainty
from vlocnet_ros.integrity.frame_error import FrameError, fit_frame_error, said_by_others
from vlocnet_ros.integrity.judge import Judge
from vlocnet_ros.integrity.tracking import TrackingConfig
from vlocnet_ros.integrity.uncertainty import Uncertainty

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drive:
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


class Fitted(NamedTuple):
    """What drives taught of errors, and poses (N, 4, 4) of all their frames, each judged by what others taught."""

    frame_error: FrameError | None
    uncertainty: Uncertainty | None
    poses: Array


def fit(drives: Sequence[Drive], tracking: TrackingConfig) -> Fitted:
    """Learn how wrong single frames are, and how uncertain what the last of them agree on is once that is known.

    Of frames that it was fitted to, a `FrameError` knows too much: covariances are fitted to what is expected of each
    frame by the others.
    """
    features = [drive.features for drive in drives]
    errors = [twist_errors(drive.regressed, drive.map_T_camera) for drive in drives]
    expected = said_by_others(features, errors)
    frame_error = None if expected is None else fit_frame_error(np.concatenate(features), np.concatenate(errors))
    ends = np.cumsum([len(drive.stamps) for drive in drives])[:-1]
    expected = np.zeros((sum(map(len, errors)), 2)) if expected is None else expected
    runs = [_judged(drive, e, tracking) for drive, e in zip(drives, np.split(expected, ends), strict=True)]
    poses, shown = (np.concatenate(parts) for parts in zip(*runs, strict=True))
    off = twist_errors(poses, np.concatenate([drive.map_T_camera for drive in drives]))
    enough = np.isfinite(shown).all(axis=1)
    return Fitted(frame_error, fit_uncertainty(shown[enough], off[enough]), poses)


def _judged(drive: Drive, expected: Array, tracking: TrackingConfig) -> tuple[Array, Array]:
    """Poses (N, 4, 4) and evidence (N, 6), NaN where there is too little."""
    judge = Judge(np.eye(6), None, tracking)
    frames = zip(drive.regressed, drive.motions, drive.stamps.tolist(), expected, strict=True)
    verdicts = [judge.step(*frame) for frame in frames]
    nothing = np.full(6, np.nan)
    shown = [nothing if verdict.evidence is None else verdict.evidence for verdict in verdicts]
    return np.stack([verdict.pose for verdict in verdicts]), np.stack(shown)
