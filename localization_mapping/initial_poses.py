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
from localization_mapping.stored_map import StoredMap

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
    existing: StoredMap | None = None,
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
        existing: map of the first keyframes, whose poses stay; None for a new map.
        progress: shows the progress.

    Raises:
        DatasetError: too few closures join a drive to the others.
    """

    first = 0 if existing is None else len(existing.keyframes)
    features = keyframes.features

    def compute() -> Arrays:
        with progress("nearby points", len(keyframes) - first) as tick:
            known = [] if existing is None else _split(existing.points, existing.keyframes.features.first)
            points = known + local_points(keyframes.since(first), tick)
        with progress("loop closures", len(keyframes) - first) as tick:
            return _to_arrays(points, find_closures(keyframes, points, options, tick, first=first))

    arrays = stages.arrays("closures", inputs, compute)
    closures = _closures(arrays)
    start = keyframes.odom_T_base.copy()
    if existing is not None:
        start[:first] = existing.map_T_base
    start = placed_drives(keyframes, start, 1 if existing is None else len(existing.drives), closures, names)
    poses, agree = optimize_pose_graph(keyframes, start, closures, noise, held=max(1, first))
    pairs = np.stack([arrays["a"], arrays["b"]], axis=1)[agree]
    if existing is not None:
        pairs = np.concatenate([existing.closures, pairs])
    points = _split(arrays["points"], features.first)
    return InitialPoses(poses, points, pairs, int((~agree).sum()))


def _split(points: npt.NDArray[np.float32], first: npt.NDArray[np.int64]) -> list[Array]:
    """Split the points of all features into those of each keyframe."""
    return np.split(points.astype(np.float64), first[1:-1])


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
