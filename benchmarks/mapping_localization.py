"""Localization of a drive in a map that was made without true poses, frame by frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics.alignment import Alignment
from localization_common.metrics.pose_metrics import PoseErrors
from localization_common.refinement.refiner import Refiner
from mapping_scoring import percentile
from refinement_priors import FramePrior, from_odometry
from refinement_trials import RefinementOutcome, refined

Numbers = dict[str, Any]


def refined_poses(known: KeyframeMap, test: Sequence) -> RefinementOutcome:
    """Refine every frame against a map, without a network: guided by the recorded odometry where there is some."""
    priors = [_NOTHING] * len(test) if test.odom_T_base is None else from_odometry(test)
    return refined(Refiner(known), test, priors)[0]


def scored(outcome: RefinementOutcome, alignment: Alignment) -> Numbers:
    """Numbers of the answered frames, after the alignment of the map with the truth on the *mapping* drives."""
    aligned = replace(outcome, poses=alignment.applied(outcome.poses))
    answered = aligned.confirmed
    errors = aligned.errors
    sure = PoseErrors(errors.metres[answered], errors.degrees[answered])
    return {
        "frames": len(answered),
        "answered": float(answered.mean()),
        "median_m": _or_none(sure.median_m),
        "p95_m": percentile(sure.metres, 95.0),
        "median_deg": _or_none(sure.median_deg),
        "wrong": int((answered & aligned.lost).sum()),
        "p50_ms": _or_none(float(np.median(outcome.milliseconds))),
    }


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


#: Prior of a camera without odometry.
_NOTHING = FramePrior(np.eye(4), np.full((6, 6), np.nan), (), None)
