"""Bundle adjustment of poses and points, with odometry and depth as factors (GTSAM)."""

from __future__ import annotations

from dataclasses import dataclass

import gtsam
import numpy as np
import numpy.typing as npt
from gtsam.symbol_shorthand import L, X

from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_mapping.anchored_points import anchored_points
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


def adjust(
    keyframes: KeyframeSet,
    structure: Structure,
    tracks: FeatureTracks,
    noise: MotionNoise | None,
    *,
    sigma: float,
    fixed: int = 0,
) -> Structure:
    """Solve for poses and points by robust least squares (Levenberg-Marquardt).

    Args:
        keyframes: keyframes with odometry, features and depths.
        structure: initial poses and points.
        tracks: observations of the points.
        noise: noise of the odometry; None without odometry.
        sigma: standard deviation of a ray at depth one.
        fixed: number of the first keyframes whose poses stay, and so do the points that only these see; 0 holds the
            first pose only.
    """
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    free = tracks.keyframe >= fixed
    moved = np.unique(tracks.point[free])
    for k in range(fixed, len(keyframes)):
        values.insert(X(k), gtsam.Pose3(structure.map_T_base[k]))
    for p in moved.tolist():
        values.insert(L(p), structure.points[p])
    if fixed:
        _anchor(graph, keyframes, structure, tracks, ~free & np.isin(tracks.point, moved), sigma)
    else:
        model = gtsam.noiseModel.Isotropic.Sigma(6, _FIXED)
        graph.add(gtsam.PriorFactorPose3(X(0), gtsam.Pose3(structure.map_T_base[0]), model))
    if noise is not None:
        _add_odometry(graph, keyframes, noise, fixed)
    _add_observations(graph, keyframes, _rows(tracks, free), sigma)
    parameters = gtsam.LevenbergMarquardtParams()
    parameters.setMaxIterations(_ITERATIONS)
    parameters.setRelativeErrorTol(1e-4)
    found = gtsam.LevenbergMarquardtOptimizer(graph, values, parameters).optimize()
    poses, points = structure.map_T_base.copy(), structure.points.copy()
    for k in range(fixed, len(keyframes)):
        poses[k] = found.atPose3(X(k)).matrix()
    for p in moved.tolist():
        points[p] = found.atPoint3(L(p))
    return Structure(poses, points)


def _rows(tracks: FeatureTracks, kept: npt.NDArray[np.bool_]) -> FeatureTracks:
    """Return some of the observations, with the same numbers of points."""
    return FeatureTracks(tracks.point[kept], tracks.keyframe[kept], tracks.feature[kept])


def _anchor(
    graph: gtsam.NonlinearFactorGraph,
    keyframes: KeyframeSet,
    structure: Structure,
    tracks: FeatureTracks,
    kept: npt.NDArray[np.bool_],
    sigma: float,
) -> None:
    """Add what the fixed keyframes know of the points, as priors."""
    seen = _rows(tracks, kept)
    rays = keyframes.features.rays[keyframes.features.first[seen.keyframe] + seen.feature].astype(np.float64)
    poses = structure.map_T_base @ keyframes.base_T_camera
    for point, position, information in anchored_points(structure.points, poses, rays, seen, sigma):
        model = gtsam.noiseModel.Gaussian.Information(information)
        graph.add(gtsam.PriorFactorPoint3(L(point), position, _robust(model)))


def _add_odometry(graph: gtsam.NonlinearFactorGraph, keyframes: KeyframeSet, noise: MotionNoise, fixed: int) -> None:
    """Add the motions between keyframes that are not fixed; a wheel that slipped has less weight."""
    for a, b in keyframes.steps():
        if a < fixed:
            continue
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
