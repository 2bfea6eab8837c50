"""Localization of a drive in a map that was made without true poses, frame by frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from camera_offset import OffsetAlignment
from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics.alignment import Alignment
from localization_common.metrics.pose_metrics import PoseErrors
from localization_common.refinement.refiner import Refiner
from mapping_scoring import percentile
from refinement_priors import from_odometry
from refinement_trials import RefinementOutcome, refined
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.replay import recorded_odometry, replay

Numbers = dict[str, Any]


def refined_poses(known: KeyframeMap, test: Sequence) -> RefinementOutcome:
    """Refine every frame against a map, without a network, guided by the recorded odometry."""
    return refined(Refiner(known), test, from_odometry(test))[0]


def keyframe_localizer(known: KeyframeMap, test: Sequence) -> KeyframeLocalizer:
    """Return the localizer of a node without a network; simulated cameras have no noise, so none is frozen."""
    return KeyframeLocalizer(Refiner(known), recorded_odometry(test), frozen_after=0)


def plain_poses(known: KeyframeMap, test: Sequence) -> RefinementOutcome:
    """Localize every frame as a node without a network: the pose of the map, or the one that odometry carries on."""
    rows = []
    for frame in replay(keyframe_localizer(known, test), test):
        estimate, nothing = frame.estimate, (np.eye(4), np.full((6, 6), np.nan), False)
        found = nothing
        if estimate is not None and estimate.health.published:
            found = estimate.map_T_camera, estimate.covariance, True
        rows.append((test.map_T_camera[frame.position], *found, frame.milliseconds))
    return RefinementOutcome(*(np.array(column) for column in zip(*rows, strict=True)))


def scored(outcome: RefinementOutcome, alignment: Alignment | OffsetAlignment) -> Numbers:
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
