"""Drives through the refinement, and what is said of them."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import stats

from integrity_scoring import Answers, consistency
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.metrics.pose_metrics import PoseErrors, pose_errors, twist_errors
from refinement_priors import Prior
from sift_pnp_baseline import SiftPnp
from vlocnet_ros.refinement.refiner import Refiner

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Numbers = dict[str, Any]

#: Metres by which a lost pose is off.
LOST = 0.5
#: Too few poses to judge covariances by.
_FEW = 10


@dataclass(frozen=True)
class Outcome:
    """What was said of N frames.

    Attributes:
        truth, poses: (N, 4, 4) map_T_camera; of a frame without an answer NaN.
        covariances: (N, 6, 6) about the map's axes.
        confirmed: (N,) which poses and covariances are of the method itself, and not what it goes on with.
        milliseconds: (N,) of each frame.
    """

    truth: Array
    poses: Array
    covariances: Array
    confirmed: Mask
    milliseconds: Array

    @property
    def lost(self) -> Mask:
        """(N,) which poses are off by more than `LOST`, or missing."""
        return np.asarray(~(self.errors.metres <= LOST), dtype=np.bool_)

    @property
    def errors(self) -> PoseErrors:
        """Errors; infinite where there is no answer."""
        found = pose_errors(self.poses, self.truth)
        return PoseErrors(*(np.nan_to_num(e, nan=np.inf, posinf=np.inf) for e in (found.metres, found.degrees)))

    def as_good(self, before: Outcome, *, metres: float, degrees: float) -> float:
        """Share of the poses confirmed before that are so again, and at most so much farther off."""
        now, then = self.errors, before.errors
        close = (now.metres <= then.metres + metres) & (now.degrees <= then.degrees + degrees)
        return float((self.confirmed & close & before.confirmed).sum() / max(1, before.confirmed.sum()))

    def part(self, rows: Mask | npt.NDArray[np.integer[Any]] | slice) -> Outcome:
        """Of some frames."""
        return Outcome(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def numbers(self) -> Numbers:
        """For a table."""
        errors = self.errors
        sure = PoseErrors(errors.metres[self.confirmed], errors.degrees[self.confirmed])
        return {
            "frames": len(self.poses),
            "median_m": _finite(errors.median_m),
            "median_deg": _finite(errors.median_deg),
            "within_5cm_5deg": errors.share_within(0.05, 5.0),
            "within_2cm_2deg": errors.share_within(0.02, 2.0),
            "confirmed_median_m": _finite(sure.median_m),
            "lost": float(self.lost.mean()),
            "confirmed": float(self.confirmed.mean()),
            "confirmed_wrong": int((self.confirmed & self.lost).sum()),
            "p50_ms": _percentile(self.milliseconds, 50),
            "p95_ms": _percentile(self.milliseconds, 95),
            "consistency": self._consistency(),
        }

    def _consistency(self) -> Numbers | None:
        known = self.confirmed & np.isfinite(self.covariances).all(axis=(1, 2))
        if known.sum() < _FEW:
            return None
        errors = np.zeros((len(known), 6))
        errors[known] = twist_errors(self.poses[known], self.truth[known])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.ConstantInputWarning)  # ranks, which are not asked for here
            judged = consistency(Answers(errors, self.covariances, ~known))
        return {"nees": judged.nees, "band": judged.band, "independent": judged.independent, "within": judged.within}


def as_published(priors: Many[Prior], truth: Array) -> Outcome:
    """What the network says."""
    covariances = np.stack([p.covariance for p in priors])
    said = np.asarray(np.isfinite(covariances).all(axis=(1, 2)), dtype=np.bool_)
    return Outcome(truth, np.stack([p.own for p in priors]), covariances, said, np.full(len(priors), np.nan))


def refined(
    refiner: Refiner,
    sequence: Sequence,
    priors: Many[Prior],
    *,
    alone: bool = False,
    baseline: SiftPnp | None = None,
    every: int = 1,
) -> tuple[Outcome, Outcome]:
    """A drive through the refinement, the features' extraction included, and every so manieth frame through the
    baseline, in turn.

    Args:
        alone: each frame by itself, without odometry and frames before.
    """
    refiner.set_camera(sequence.camera)
    rows, others = [], []
    for position, prior in enumerate(priors):
        image, truth = sequence.read_image(position), sequence.map_T_camera[position]
        started = time.perf_counter()
        result = refiner.step(image, prior.guesses, motion=None if alone else prior.motion)
        took = 1e3 * (time.perf_counter() - started)
        pose, covariance, sure = prior.own, prior.covariance, False
        if result.map_T_camera is not None and result.covariance is not None:
            pose, covariance, sure = result.map_T_camera, result.covariance, True
        rows.append((truth, pose, covariance, sure, took))
        if baseline is not None and position % every == 0:
            started = time.perf_counter()
            found = baseline.locate(image)
            took = 1e3 * (time.perf_counter() - started)
            pose = np.full((4, 4), np.nan) if found is None else found
            others.append((truth, pose, np.full((6, 6), np.nan), found is not None, took))
    return _outcome(rows), _outcome(others)


def other_camera(sequence: Sequence, camera: Camera) -> Sequence:
    """The same drive through another lens; what it sees beyond the first one's border stays black."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=np.float64), np.arange(camera.height, dtype=np.float64))
    pixels = sequence.camera.project(camera.rays(np.stack([u.ravel(), v.ravel()], axis=1)))
    table = pixels.astype(np.float32).reshape(camera.height, camera.width, 2)

    def read(position: int) -> npt.NDArray[np.uint8]:
        return np.asarray(cv2.remap(sequence.read_image(position), table, None, cv2.INTER_LINEAR), dtype=np.uint8)

    return replace(sequence, camera=camera, read_image=read, read_depth=None, read_labels=None)


def _outcome(rows: Many[tuple[Array, Array, Array, bool, float]]) -> Outcome:
    if not rows:
        none = np.empty((0, 4, 4))
        return Outcome(none, none, np.empty((0, 6, 6)), np.empty(0, dtype=np.bool_), np.empty(0))
    truth, poses, covariances, confirmed, took = (np.array(column) for column in zip(*rows, strict=True))
    return Outcome(truth, poses, covariances, confirmed, took)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _percentile(values: Array, percent: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else None
