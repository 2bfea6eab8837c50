"""Initial poses of all keyframes: odometry joined by loop closures, of which some may be wrong (GTSAM)."""

from __future__ import annotations

from collections.abc import Sequence

import gtsam
import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_mapping.closures import Closure
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.motion_noise import MotionNoise

Array = npt.NDArray[np.float64]

#: Smallest standard deviations of a closure: local points come from odometry and share its errors.
_METRES, _RADIANS = 0.03, float(np.radians(1.0))
#: Distance and rotation within which two closures agree on the place of a drive; odometry drifts between them.
_AGREE_METRES, _AGREE_RADIANS = 1.0, float(np.radians(15.0))
#: Standard deviation of a pose that is held, metres and radians.
_HELD = 1e-3
#: Smallest number of closures that agree on the place of a drive.
_LEAST = 4


def gtsam_covariance(covariance: Array) -> Array:
    """Reorder a covariance (6, 6) of x y z rX rY rZ to GTSAM's rX rY rZ x y z."""
    order = [3, 4, 5, 0, 1, 2]
    return covariance[np.ix_(order, order)]


def placed_drives(
    keyframes: KeyframeSet, start: Array, known: int, closures: Sequence[Closure], names: Sequence[str]
) -> Array:
    """Return poses (K, 4, 4) of the base in one frame: odometry, each drive moved as a whole.

    Args:
        keyframes: keyframes of all drives.
        start: (K, 4, 4) poses, each drive in a frame of its own, but the first ones in one.
        known: number of the first drives, at least one, that have one frame.
        closures: loop closures.
        names: names of the drives, for messages.

    Raises:
        DatasetError: too few closures join a drive to the others.
    """
    poses = start.copy()
    placed, left = set(range(known)), set(range(known, len(names)))
    while left:
        best = max(((d, *_consensus(keyframes, closures, poses, placed, d)) for d in left), key=lambda item: item[1])
        drive, support, move = best
        if support < _LEAST:
            raise DatasetError(
                f"{names[drive]}: only {support} views agree on where it lies relative to the other drives, "
                f"{_LEAST} are needed; record a drive that passes the same places in the same direction"
            )
        own = keyframes.drive == drive
        poses[own] = move @ poses[own]
        placed.add(drive)
        left.remove(drive)
    return poses


def _consensus(
    keyframes: KeyframeSet, closures: Sequence[Closure], poses: Array, placed: set[int], drive: int
) -> tuple[int, Array]:
    """Return the number of closures that agree best on the move of a drive's odometry frame, and this move (4, 4)."""
    moves = []
    for closure in closures:
        a, b, a_T_b = closure.a, closure.b, closure.a_T_b
        if keyframes.drive[a] == drive:
            a, b, a_T_b = b, a, se3.inverse(a_T_b)
        if keyframes.drive[b] != drive or int(keyframes.drive[a]) not in placed:
            continue
        map_T_base = poses[a] @ keyframes.base_T_camera[a] @ a_T_b @ keyframes.camera_T_base[b]
        moves.append(map_T_base @ se3.inverse(poses[b]))
    if not moves:
        return 0, np.eye(4)
    stacked = np.stack(moves)
    # Compared at the middle of the drive: far from it, a small rotation would be a large distance.
    middle = np.append(poses[keyframes.drive == drive][:, :3, 3].mean(axis=0), 1.0)
    at = (stacked @ middle)[:, :3]
    metres = np.linalg.norm(at[:, None] - at, axis=2)
    turned = se3.rotation_angle(stacked[:, None, :3, :3].swapaxes(-1, -2) @ stacked[None, :, :3, :3])
    agree = ((metres < _AGREE_METRES) & (turned < _AGREE_RADIANS)).sum(axis=1)
    best = int(agree.argmax())
    return int(agree[best]), stacked[best]


def optimize_pose_graph(
    keyframes: KeyframeSet, start: Array, closures: Sequence[Closure], noise: MotionNoise, *, held: int = 1
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Optimize poses (K, 4, 4) of the base over odometry and closures, without the closures that do not agree.

    Wrong closures are found by graduated non-convexity (Yang 2020) with truncated least squares. The first ``held``
    poses stay where they are.

    Returns:
        Poses (K, 4, 4), and which closures (C,) agree.
    """
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for k, pose in enumerate(start):
        values.insert(k, gtsam.Pose3(pose))
    for k, pose in enumerate(start[:held]):
        graph.add(gtsam.PriorFactorPose3(k, gtsam.Pose3(pose), gtsam.noiseModel.Isotropic.Sigma(6, _HELD)))
    for a, b in keyframes.steps():
        motion = se3.inverse(keyframes.odom_T_base[a]) @ keyframes.odom_T_base[b]
        model = _model(noise.covariance(motion, keyframes.motion_factor[b]))
        graph.add(gtsam.BetweenFactorPose3(a, b, gtsam.Pose3(motion), model))
    certain = list(range(graph.size()))
    least = np.diag(np.square([_METRES] * 3 + [_RADIANS] * 3))
    for closure in closures:
        a, b = closure.a, closure.b
        relative = keyframes.base_T_camera[a] @ closure.a_T_b @ keyframes.camera_T_base[b]
        graph.add(gtsam.BetweenFactorPose3(a, b, gtsam.Pose3(relative), _model(closure.covariance + least)))
    parameters = gtsam.GncLMParams()
    parameters.setKnownInliers(certain)
    parameters.setLossType(gtsam.GncLossType.TLS)
    optimizer = gtsam.GncLMOptimizer(graph, values, parameters)
    found = optimizer.optimize()
    agree = np.asarray(optimizer.getWeights())[len(certain) :] > 0.5
    return np.stack([found.atPose3(k).matrix() for k in range(len(start))]), agree


def _model(covariance: Array) -> gtsam.noiseModel.Gaussian:
    return gtsam.noiseModel.Gaussian.Covariance(gtsam_covariance(covariance))
