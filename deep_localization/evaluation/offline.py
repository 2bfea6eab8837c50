"""Evaluation of a recorded drive without DDS, as fast as the localizers run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from deep_localization.evaluation.drive_results import Array, BeliefRecord, Results
from deep_localization.evaluation.localizers import Localizers
from deep_localization.evaluation.scoring import HORIZON, MAX_GAP_S
from dmn_ros.filter.belief import Belief
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from dmn_ros.runtime.replay import replay as replay_dmn
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError
from localization_common.geometry import planar, se3
from localization_common.geometry.odometry_integration import OdometryIntegrator, base_covariance, planar_odometry
from localization_common.report.beliefs import density
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.replay import ReplayedFrame
from vlocnet_ros.runtime.replay import replay as replay_vlocnet

Progress = Callable[[int, int], None]

#: x, y and yaw among x y z rX rY rZ.
PLANAR = (0, 1, 5)


class Observer(Protocol):
    """Observer of an offline evaluation; vlocnet's frames come first, then all beliefs."""

    def on_estimate(self, frame: ReplayedFrame) -> None:
        """Take vlocnet's result for one frame."""

    def on_belief(self, position: int, belief: Belief) -> None:
        """Take the belief after the frame at this position of the drive."""


def run_offline(
    truth: Sequence,
    localizers: Localizers,
    *,
    recorded_odometry: bool = False,
    progress: Progress | None = None,
    observer: Observer | None = None,
) -> Results:
    """Estimates of every frame of a drive; the particle filter starts from a uniform belief.

    Args:
        truth: the drive; its true poses are not used.
        recorded_odometry: move the particles by the drive's odometry instead of vlocnet's.
        progress: called with (frames done, number of frames).
        observer: called after each frame of each localizer.

    Raises:
        ConfigError: the drive has no odometry to move the particles.
    """
    results = Results("offline", frames_in=len(truth), frames_received=len(truth))
    if localizers.vlocnet is not None:
        _run_vlocnet(localizers.vlocnet, truth, results, progress, observer)
    if localizers.dmn is not None:
        odometry = filter_odometry(truth, results, recorded=recorded_odometry)
        _run_dmn(localizers.dmn, truth, odometry, results, progress, observer)
        if localizers.vlocnet is None:
            results.frames_processed = len(results.beliefs)
    return results


def filter_odometry(truth: Sequence, results: Results, *, recorded: bool) -> Array:
    """Planar odometry (N, 3) that moves the particles; NaN at frames without odometry, which the filter refuses.

    Raises:
        ConfigError: the drive holds no odometry, or none was estimated.
    """
    if recorded and truth.odom_T_base is None:
        raise ConfigError(f"{truth.name}: holds no odometry to move particles by; use vlocnet's")
    if not recorded and not results.odom_T_base:
        raise ConfigError(
            f"{truth.name}: no odometry was estimated, which particles need: give a vlocnet checkpoint with an odometry"
            " stream, or use the recorded odometry"
        )
    if recorded and truth.odom_T_base is not None:
        return planar_odometry(truth.odom_T_base, truth.has_odometry)
    estimated = [results.odom_T_base.get(stamp) for stamp in truth.stamps.tolist()]
    known = np.array([pose is not None for pose in estimated])
    return planar_odometry(np.stack([np.eye(4) if pose is None else pose for pose in estimated]), known)


def _run_vlocnet(
    localizer: FrameLocalizer,
    truth: Sequence,
    results: Results,
    progress: Progress | None,
    observer: Observer | None,
) -> None:
    integrator = OdometryIntegrator()
    camera_T_base = se3.inverse(truth.base_T_camera)
    for frame in replay_vlocnet(localizer, truth):
        stamp, estimate = frame.stamp, frame.estimate
        if observer is not None:
            observer.on_estimate(frame)
        if estimate is None:  # a node leaves such a frame out, too, with the reason on /diagnostics
            results.refused[stamp] = frame.refusal
            continue
        results.latency_ms[stamp] = frame.milliseconds
        results.frames_processed += 1
        if localizer.tasks.odometry:
            motion = (estimate.previous_T_camera, estimate.motion_covariance)
            results.odom_T_base[stamp] = integrator.step(stamp, *motion, truth.base_T_camera).odom_T_base
        if localizer.tasks.localizes and estimate.health.published:
            results.map_T_base[stamp] = estimate.map_T_camera @ camera_T_base
        if estimate.labels is not None:
            results.labels[stamp] = localizer.labels_in_image(estimate.labels)
        if progress is not None:
            progress(frame.position + 1, len(truth))


def _run_dmn(
    localizer: DmnLocalizer,
    truth: Sequence,
    odometry: Array,
    results: Results,
    progress: Progress | None,
    observer: Observer | None,
) -> None:
    localizer.reset_uniform()
    bounds = localizer.context_map.bounds
    for position, belief in replay_dmn(localizer, truth, odometry):
        heat = density(belief.particles, belief.weights, bounds)
        record = BeliefRecord(belief.most_likely if belief.localized else None, heat, bounds)
        results.beliefs[belief.stamp] = record
        if observer is not None:
            observer.on_belief(position, belief)
        if progress is not None:
            progress(position + 1, len(truth))


def proposals_of(localizer: FrameLocalizer, truth: Sequence) -> dict[int, PlanarGaussian]:
    """Poses that vlocnet's node publishes along a drive, as proposals by stamp."""
    proposals = {}
    for frame in replay_vlocnet(localizer, truth):
        estimate = frame.estimate
        if estimate is None or not estimate.health.published:
            continue
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, truth.base_T_camera)
        pose = planar.from_se3(estimate.map_T_camera @ se3.inverse(truth.base_T_camera))
        proposals[frame.stamp] = PlanarGaussian(pose, covariance[np.ix_(PLANAR, PLANAR)])
    return proposals


def random_starts(
    localizer: DmnLocalizer,
    truth: Sequence,
    odometry: Array,
    *,
    count: int = 50,
    seed: int = 0,
    max_gap_s: float = MAX_GAP_S,
    progress: Progress | None = None,
) -> Array:
    """Position errors (count, HORIZON) in metres of beliefs that start uniform at random frames of a drive.

    Args:
        odometry: (N, 3) planar odometry at each frame.
        count: number of starts.
        seed: seed of the choice of frames; no frame is chosen twice while there are enough.
        max_gap_s: longest pause, seconds, within the horizon of a start.
        progress: called with (starts done, `count`).
    """
    generator = np.random.default_rng(seed)
    gaps = np.diff(truth.stamps) > max_gap_s * 1e9
    known = truth.has_pose & np.isfinite(odometry).all(axis=1)
    first = range(len(truth) - HORIZON + 1)
    usable = [i for i in first if known[i : i + HORIZON].all() and not gaps[i : i + HORIZON - 1].any()]
    if not usable:
        raise ConfigError(
            f"{truth.name}: no {HORIZON} frames in a row with true pose and odometry, and without a pause of "
            f"{max_gap_s} s, to start from"
        )
    chosen = generator.choice(usable, size=count, replace=len(usable) < count)
    true = planar.from_se3(truth.map_T_base)
    errors = np.full((count, HORIZON), np.inf)
    for row, first in enumerate(chosen.tolist()):
        localizer.reset_uniform()
        for position, belief in replay_dmn(localizer, truth, odometry, positions=range(first, first + HORIZON)):
            errors[row, position - first] = np.linalg.norm(belief.most_likely[:2] - true[position, :2])
        if progress is not None:
            progress(row + 1, count)
    return errors
