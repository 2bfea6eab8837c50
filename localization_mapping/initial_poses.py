"""Initial poses of the keyframes of all drives: odometry and loop closures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_mapping.closures import Closure, find_closures
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.local_structure import local_points
from localization_mapping.motion_noise import MotionNoise
from localization_mapping.options import MappingOptions
from localization_mapping.pose_graph import optimize_pose_graph, placed_drives
from localization_mapping.progress import Progress
from localization_mapping.stage_cache import Arrays, StageCache

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class InitialPoses:
    """Initial poses and local structure of the keyframes.

    Attributes:
        map_T_base: (K, 4, 4) poses of the base.
        points: (N, 3) local points of each keyframe's features, in its camera's frame; NaN where unknown.
        closures: (L, 2) pairs of keyframes of the loop closures that agree.
        rejected: number of loop closures that do not agree.
    """

    map_T_base: Array
    points: list[Array]
    closures: npt.NDArray[np.int64]
    rejected: int


def initial_poses(
    keyframes: KeyframeSet,
    names: Sequence[str],
    noise: MotionNoise,
    options: MappingOptions,
    *,
    stages: StageCache,
    inputs: str,
    progress: Progress,
) -> InitialPoses:
    """Find loop closures, and optimize a pose graph of them and of the odometry.

    Args:
        keyframes: keyframes of all drives.
        names: names of the drives, for messages.
        noise: noise of the odometry.
        options: parameters of the mapping.
        stages: results of finished stages.
        inputs: text of all that the keyframes depend on.
        progress: shows the progress.

    Raises:
        DatasetError: too few closures join a drive to the others.
    """

    def compute() -> Arrays:
        with progress("nearby points", len(keyframes)) as tick:
            points = local_points(keyframes, tick)
        with progress("loop closures", len(keyframes)) as tick:
            return _to_arrays(points, find_closures(keyframes, points, options, tick))

    arrays = stages.arrays("closures", inputs, compute)
    closures = _closures(arrays)
    start = placed_drives(keyframes, closures, names)
    poses, agree = optimize_pose_graph(keyframes, start, closures, noise)
    pairs = np.stack([arrays["a"], arrays["b"]], axis=1)[agree]
    points = np.split(arrays["points"].astype(np.float64), keyframes.features.first[1:-1])
    return InitialPoses(poses, points, pairs, int((~agree).sum()))


def _to_arrays(points: list[Array], closures: Sequence[Closure]) -> Arrays:
    return {
        "points": np.concatenate(points).astype(np.float32),
        "a": np.array([c.a for c in closures], dtype=np.int64),
        "b": np.array([c.b for c in closures], dtype=np.int64),
        "a_T_b": np.array([c.a_T_b for c in closures]).reshape(-1, 4, 4),
        "covariance": np.array([c.covariance for c in closures]).reshape(-1, 6, 6),
        "inliers": np.array([c.inliers for c in closures], dtype=np.int64),
    }


def _closures(arrays: Arrays) -> list[Closure]:
    columns = (arrays[name] for name in ("a", "b", "a_T_b", "covariance", "inliers"))
    return [
        Closure(int(a), int(b), a_T_b, covariance, int(n)) for a, b, a_T_b, covariance, n in zip(*columns, strict=True)
    ]
