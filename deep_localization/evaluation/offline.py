"""Feeds a recorded drive through the localizers without DDS, as fast as they go: what the nodes do, minus the nodes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from deep_localization.evaluation.drive_results import Array, BeliefRecord, Results
from deep_localization.evaluation.scoring import HORIZON, MAX_GAP_S
from dmn_ros.filter.belief import Belief
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError, InputError
from localization_common.geometry import planar, se3
from localization_common.geometry.odometry_integration import OdometryIntegrator, PlanarOdometry, base_covariance
from localization_common.report.beliefs import density
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer

Progress = Callable[[int, int], None]

NO_PROPOSALS: Mapping[int, PlanarGaussian] = MappingProxyType({})
#: x, y and yaw among x y z rX rY rZ.
PLANAR = (0, 1, 5)


@dataclass(frozen=True)
class Localizers:
    """The networks that a drive is fed through; either may be missing."""

    vlocnet: FrameLocalizer | None = None
    dmn: DmnLocalizer | None = None


def run_offline(
    truth: Sequence, localizers: Localizers, *, recorded_odometry: bool = False, progress: Progress | None = None
) -> Results:
    """Estimates along a drive, each frame in turn; the particle filter starts from a uniform belief.

    Args:
        truth: the drive; of its poses nothing is used.
        recorded_odometry: move particles by the drive's own odometry rather than by vlocnet's.
        progress: called with (frames done, frames in all).

    Raises:
        ConfigError: particles are to be moved by an odometry that is not there.
    """
    results = Results("offline", frames_in=len(truth), frames_received=len(truth))
    if localizers.vlocnet is not None:
        _run_vlocnet(localizers.vlocnet, truth, results, progress)
    if localizers.dmn is not None:
        odometry = planar_odometry(truth, results, recorded=recorded_odometry)
        _run_dmn(localizers.dmn, truth, odometry, results, progress)
    return results


def planar_odometry(truth: Sequence, results: Results, *, recorded: bool) -> Array:
    """Planar odometry poses (N, 3) at every frame of a drive; NaN where none was estimated, which localizers refuse.

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
    flat = PlanarOdometry()
    if recorded and truth.odom_T_base is not None:
        known = zip(truth.odom_T_base, truth.has_odometry, strict=True)
        return np.stack([flat.step(pose) if has_odometry else np.full(3, np.nan) for pose, has_odometry in known])
    poses = [results.odom_T_base.get(stamp) for stamp in truth.stamps.tolist()]
    return np.stack([np.full(3, np.nan) if pose is None else flat.step(pose) for pose in poses])


def _run_vlocnet(localizer: FrameLocalizer, truth: Sequence, results: Results, progress: Progress | None) -> None:
    localizer.set_camera(truth.camera)
    localizer.reset()
    integrator = OdometryIntegrator()
    camera_T_base = se3.inverse(truth.base_T_camera)
    for position, stamp in enumerate(truth.stamps.tolist()):
        image = truth.read_image(position)
        began = time.perf_counter()
        try:
            estimate = localizer.step(image, stamp)
        except InputError as error:  # a node leaves such a frame out, too, and says so on /diagnostics
            results.refused[stamp] = str(error)
            continue
        results.latency_ms[stamp] = (time.perf_counter() - began) * 1e3
        results.frames_processed += 1
        if localizer.tasks.odometry:
            motion = (estimate.previous_T_camera, estimate.motion_covariance)
            results.odom_T_base[stamp] = integrator.step(stamp, *motion, truth.base_T_camera).odom_T_base
        if localizer.tasks.localizes and estimate.health.published:
            results.map_T_base[stamp] = estimate.map_T_camera @ camera_T_base
        if estimate.labels is not None:
            results.labels[stamp] = localizer.labels_in_image(estimate.labels)
        if progress is not None:
            progress(position + 1, len(truth))


def _run_dmn(
    localizer: DmnLocalizer, truth: Sequence, odometry: Array, results: Results, progress: Progress | None
) -> None:
    localizer.set_camera(truth.camera)
    localizer.reset_uniform()
    bounds = localizer.context_map.bounds
    for position, belief in beliefs(localizer, truth, odometry):
        heat = density(belief.particles, belief.weights, bounds)
        record = BeliefRecord(belief.most_likely if belief.localized else None, heat, bounds)
        results.beliefs[belief.stamp] = record
        if progress is not None:
            progress(position + 1, len(truth))


def beliefs(
    localizer: DmnLocalizer, truth: Sequence, odometry: Array, proposals: Mapping[int, PlanarGaussian] = NO_PROPOSALS
) -> Iterator[tuple[int, Belief]]:
    """Position of each frame of a drive and the belief after it; frames that cannot be used are left out.

    Args:
        localizer: knows the camera, and believes what it is to begin with.
        odometry: (N, 3) planar odometry at each frame.
        proposals: where another localizer says the base is, by stamp.
    """
    for position, stamp in enumerate(truth.stamps.tolist()):
        try:
            belief = localizer.step(truth.read_image(position), stamp, odometry[position], proposals.get(stamp))
        except InputError:
            continue
        yield position, belief


def proposals_of(localizer: FrameLocalizer, truth: Sequence) -> dict[int, PlanarGaussian]:
    """What vlocnet's node publishes as pose along a drive, from its first frame on, as proposals by stamp."""
    localizer.set_camera(truth.camera)
    proposals = {}
    for position, stamp in enumerate(truth.stamps.tolist()):
        try:
            estimate = localizer.step(truth.read_image(position), stamp)
        except InputError:
            continue
        if not estimate.health.published:
            continue
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, truth.base_T_camera)
        pose = planar.from_se3(estimate.map_T_camera @ se3.inverse(truth.base_T_camera))
        proposals[stamp] = PlanarGaussian(pose, covariance[np.ix_(PLANAR, PLANAR)])
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
    """Position errors (count, HORIZON) in metres of beliefs that start uniform at random places of a drive.

    Args:
        odometry: (N, 3) planar odometry at each frame.
        count: starts.
        seed: chooses the frames at which they are; they are spread over the whole drive without repetition.
        max_gap_s: no start is followed by a pause longer than this within its horizon.
        progress: called with (starts done, `count`).
    """
    localizer.set_camera(truth.camera)
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
    errors = np.empty((count, HORIZON))
    for row, first in enumerate(chosen.tolist()):
        localizer.reset_uniform()
        for step, position in enumerate(range(first, first + HORIZON)):
            belief = localizer.step(truth.read_image(position), int(truth.stamps[position]), odometry[position])
            errors[row, step] = np.linalg.norm(belief.most_likely[:2] - true[position, :2])
        if progress is not None:
            progress(row + 1, count)
    return errors
