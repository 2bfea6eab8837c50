"""Drives through the refinement, and their scores."""

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

from integrity_scoring import ScoredDrive, consistency
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.metrics.pose_metrics import PoseErrors, pose_errors, twist_errors
from localization_common.refinement.refiner import Refiner
from refinement_priors import FramePrior
from sift_pnp_baseline import SiftPnp

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Numbers = dict[str, Any]

#: Smallest position error of a lost pose, metres.
LOST = 0.5
#: Smallest number of poses for a score of covariances.
_FEW = 10


@dataclass(frozen=True)
class RefinementOutcome:
    """Result of N frames.

    Attributes:
        truth: true poses map_T_camera (N, 4, 4).
        poses: estimated poses map_T_camera (N, 4, 4); NaN for a frame without a pose.
        covariances: covariances (N, 6, 6) about the map's axes.
        confirmed: mask (N,) of the frames that the method solved itself; others have the pose of the prior.
        milliseconds: time (N,) of each frame.
    """

    truth: Array
    poses: Array
    covariances: Array
    confirmed: Mask
    milliseconds: Array

    @property
    def lost(self) -> Mask:
        """Mask (N,) of the poses with an error above `LOST`, or missing."""
        return np.asarray(~(self.errors.metres <= LOST), dtype=np.bool_)

    @property
    def errors(self) -> PoseErrors:
        """Errors of the poses; infinite for frames without a pose."""
        found = pose_errors(self.poses, self.truth)
        return PoseErrors(*(np.nan_to_num(e, nan=np.inf, posinf=np.inf) for e in (found.metres, found.degrees)))

    def as_good(self, before: RefinementOutcome, *, metres: float, degrees: float) -> float:
        """Share of the poses confirmed in ``before`` that are confirmed here with at most this additional error."""
        now, then = self.errors, before.errors
        close = (now.metres <= then.metres + metres) & (now.degrees <= then.degrees + degrees)
        return float((self.confirmed & close & before.confirmed).sum() / max(1, before.confirmed.sum()))

    def part(self, rows: Mask | npt.NDArray[np.integer[Any]] | slice) -> RefinementOutcome:
        """Select some frames."""
        return RefinementOutcome(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def numbers(self) -> Numbers:
        """Scores for a table."""
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
        used = self.confirmed & np.isfinite(self.covariances).all(axis=(1, 2))
        if used.sum() < _FEW:
            return None
        errors = np.zeros((len(used), 6))
        errors[used] = twist_errors(self.poses[used], self.truth[used])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.ConstantInputWarning)  # ranks are not used here
            score = consistency(ScoredDrive(errors, self.covariances, ~used))
        return {"nees": score.nees, "band": score.band, "independent": score.independent, "within": score.within}


def as_published(priors: Many[FramePrior], truth: Array) -> RefinementOutcome:
    """Outcome of the priors alone, without refinement."""
    covariances = np.stack([p.covariance for p in priors])
    published = np.asarray(np.isfinite(covariances).all(axis=(1, 2)), dtype=np.bool_)
    poses, times = np.stack([p.own for p in priors]), np.full(len(priors), np.nan)
    return RefinementOutcome(truth, poses, covariances, published, times)


def refined(
    refiner: Refiner,
    sequence: Sequence,
    priors: Many[FramePrior],
    *,
    alone: bool = False,
    baseline: SiftPnp | None = None,
    every: int = 1,
) -> tuple[RefinementOutcome, RefinementOutcome]:
    """Run the refinement, with feature extraction, on a drive, in turns with the baseline on some frames.

    Args:
        refiner: refinement to measure.
        sequence: frames with true poses.
        priors: priors of the frames.
        alone: refine each frame without odometry and previous frames.
        baseline: other method, or None.
        every: period of the frames for the baseline.

    Returns:
        Outcomes of the refinement and of the baseline.
    """
    refiner.set_camera(sequence.camera)
    rows, others = [], []
    for position, prior in enumerate(priors):
        image, truth = sequence.read_image(position), sequence.map_T_camera[position]
        started = time.perf_counter()
        result = refiner.step(image, prior.guesses, motion=None if alone else prior.motion)
        took = 1e3 * (time.perf_counter() - started)
        pose, covariance, confirmed = prior.own, prior.covariance, False
        if result.map_T_camera is not None and result.covariance is not None:
            pose, covariance, confirmed = result.map_T_camera, result.covariance, True
        rows.append((truth, pose, covariance, confirmed, took))
        if baseline is not None and position % every == 0:
            started = time.perf_counter()
            found = baseline.locate(image)
            took = 1e3 * (time.perf_counter() - started)
            pose = np.full((4, 4), np.nan) if found is None else found
            others.append((truth, pose, np.full((6, 6), np.nan), found is not None, took))
    return _outcome(rows), _outcome(others)


def other_camera(sequence: Sequence, camera: Camera) -> Sequence:
    """Warp a drive to another camera; pixels outside the view of the first camera are black."""
    u, v = np.meshgrid(np.arange(camera.width, dtype=np.float64), np.arange(camera.height, dtype=np.float64))
    pixels = sequence.camera.project(camera.rays(np.stack([u.ravel(), v.ravel()], axis=1)))
    table = pixels.astype(np.float32).reshape(camera.height, camera.width, 2)

    def read(position: int) -> npt.NDArray[np.uint8]:
        return np.asarray(cv2.remap(sequence.read_image(position), table, None, cv2.INTER_LINEAR), dtype=np.uint8)

    return replace(sequence, camera=camera, read_image=read, read_depth=None, read_labels=None)


def other_cameras(camera: Camera) -> dict[str, Camera]:
    """Cameras with a smaller view: a part of the image at another scale, and one with a barrel distortion."""
    part = 0.85
    left, top = 0.1 * camera.width, 0.05 * camera.height
    width, height = round(part * camera.width), round(part * camera.height)
    cropped = replace(camera, width=width, height=height, cx=camera.cx - left, cy=camera.cy - top)
    bent = replace(camera, fx=1.15 * camera.fx, fy=1.15 * camera.fy, distortion=(-0.2, 0.03, 0.001, -0.001))
    return {
        "cropped and rescaled": cropped.resized(round(0.8 * width), round(0.8 * height)),
        "distorted": bent,
    }


def _outcome(rows: Many[tuple[Array, Array, Array, bool, float]]) -> RefinementOutcome:
    if not rows:
        none = np.empty((0, 4, 4))
        return RefinementOutcome(none, none, np.empty((0, 6, 6)), np.empty(0, dtype=np.bool_), np.empty(0))
    truth, poses, covariances, confirmed, took = (np.array(column) for column in zip(*rows, strict=True))
    return RefinementOutcome(truth, poses, covariances, confirmed, took)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _percentile(values: Array, percent: float) -> float | None:
    finite = values[np.isfinite(values)]
    return float(np.percentile(finite, percent)) if len(finite) else None
