"""Bundle adjustment of poses and points, with odometry and depth as factors (GTSAM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gtsam
import numpy as np
import numpy.typing as npt
from gtsam.symbol_shorthand import L, X

from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.motion_noise import MotionNoise
from localization_mapping.pose_graph import gtsam_covariance

Array = npt.NDArray[np.float64]

#: Residuals above this number of standard deviations have less weight (Huber).
_HUBER = 1.5
#: Standard deviation of the first pose, which fixes the map frame.
_FIXED = 1e-5
#: Baseline in metres of the virtual stereo camera by which a depth is measured, and standard deviation of its disparity
#: in units of a ray at depth one: errors of depth grow with its square.
_BASELINE, _DISPARITY = 0.1, 0.0015
_ITERATIONS = 12


@dataclass(frozen=True)
class Structure:
    """Poses (K, 4, 4) of the base, and points (P, 3), in the map."""

    map_T_base: Array
    points: Array


@dataclass(frozen=True)
class HeldPoses:
    """Poses that are held near known ones, such as those of an existing map.

    Attributes:
        keyframes: (H,) indices.
        map_T_base: (H, 4, 4) known poses.
        metres, radians: standard deviations.
    """

    keyframes: npt.NDArray[np.int64]
    map_T_base: Array
    metres: float
    radians: float


def adjust(
    keyframes: KeyframeSet,
    structure: Structure,
    tracks: FeatureTracks,
    noise: MotionNoise | None,
    *,
    sigma: float,
    held: Sequence[HeldPoses] = (),
) -> Structure:
    """Solve for all poses and points by robust least squares (Levenberg-Marquardt).

    Args:
        keyframes: keyframes with odometry, features and depths.
        structure: initial poses and points.
        tracks: observations of the points.
        noise: noise of the odometry; None without odometry.
        sigma: standard deviation of a ray at depth one.
        held: poses with priors; without any, the first pose is fixed.
    """
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for k, pose in enumerate(structure.map_T_base):
        values.insert(X(k), gtsam.Pose3(pose))
    for p, point in enumerate(structure.points):
        values.insert(L(p), point)
    _hold(graph, structure, held)
    if noise is not None:
        _add_odometry(graph, keyframes, noise)
    _add_observations(graph, keyframes, tracks, sigma)
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setMaxIterations(_ITERATIONS)
    parameters.setRelativeErrorTol(1e-4)
    found = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
    poses = np.stack([found.atPose3(X(k)).matrix() for k in range(len(keyframes))])
    points = np.array([found.atPoint3(L(p)) for p in range(len(structure.points))]).reshape(-1, 3)
    return Structure(poses, points)


def _hold(graph: gtsam.NonlinearFactorGraph, structure: Structure, held: Sequence[HeldPoses]) -> None:
    if not held:
        fixed = gtsam.noiseModel.Isotropic.Sigma(6, _FIXED)
        graph.add(gtsam.PriorFactorPose3(X(0), gtsam.Pose3(structure.map_T_base[0]), fixed))
    for prior in held:
        model = gtsam.noiseModel.Diagonal.Sigmas(np.array([prior.radians] * 3 + [prior.metres] * 3))
        for k, pose in zip(prior.keyframes.tolist(), prior.map_T_base, strict=True):
            graph.add(gtsam.PriorFactorPose3(X(k), gtsam.Pose3(pose), model))


def _add_odometry(graph: gtsam.NonlinearFactorGraph, keyframes: KeyframeSet, noise: MotionNoise) -> None:
    """Add the motions between keyframes; a wheel that slipped has less weight."""
    for a, b in keyframes.steps():
        motion = se3.inverse(keyframes.odom_T_base[a]) @ keyframes.odom_T_base[b]
        covariance = gtsam_covariance(noise.covariance(motion, keyframes.motion_factor[b]))
        gaussian = gtsam.noiseModel.Gaussian.Covariance(covariance)
        graph.add(gtsam.BetweenFactorPose3(X(a), X(b), gtsam.Pose3(motion), _robust(gaussian)))


def _add_observations(
    graph: gtsam.NonlinearFactorGraph, keyframes: KeyframeSet, tracks: FeatureTracks, sigma: float
) -> None:
    """Add rays, and depths as disparities of a virtual stereo camera, in units of rays at depth one."""
    rows = keyframes.features.first[tracks.keyframe] + tracks.feature
    rays = keyframes.features.rays[rows].astype(np.float64)
    disparities = _BASELINE / keyframes.features.depths[rows].astype(np.float64)
    pinhole, stereo = gtsam.Cal3_S2(1.0, 1.0, 0.0, 0.0, 0.0), gtsam.Cal3_S2Stereo(1.0, 1.0, 0.0, 0.0, 0.0, _BASELINE)
    ray = _robust(gtsam.noiseModel.Isotropic.Sigma(2, sigma))
    # The right ray's error is that of the left one and of the disparity together.
    left_right = np.array([[sigma**2, sigma**2, 0], [sigma**2, sigma**2 + _DISPARITY**2, 0], [0, 0, sigma**2]])
    deep = _robust(gtsam.noiseModel.Gaussian.Covariance(left_right))
    mounts = [gtsam.Pose3(mount) for mount in keyframes.base_T_camera]
    for point, k, (x, y), disparity in zip(
        tracks.point.tolist(), tracks.keyframe.tolist(), rays.tolist(), disparities.tolist(), strict=True
    ):
        if disparity > 0.0:
            seen = gtsam.StereoPoint2(x, x - disparity, y)
            graph.add(gtsam.GenericStereoFactor3D(seen, deep, X(k), L(point), stereo, False, False, mounts[k]))
        else:
            pixel = np.array([x, y])
            factor = gtsam.GenericProjectionFactorCal3_S2(pixel, ray, X(k), L(point), pinhole, False, False, mounts[k])
            graph.add(factor)


def _robust(model: gtsam.noiseModel.Gaussian) -> gtsam.noiseModel.Robust:
    return gtsam.noiseModel.Robust.Create(gtsam.noiseModel.mEstimator.Huber.Create(_HUBER), model)
