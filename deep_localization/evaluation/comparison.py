"""Comparison with simple methods on the same frames, and differences between live and offline results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from deep_localization.evaluation.drive_results import Array, Results
from deep_localization.evaluation.result_file import Baseline
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import announce
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.metrics import pose_metrics, trajectories
from localization_common.metrics.nearest_frames import nearest_training_pose, thumbnail_nearest_neighbour


def training_sequences(path: Path, exclude: str, options: RecordingOptions | None = None) -> list[Sequence]:
    """Open the training sequences of a network: all under a path, without these frame numbers (``200-239,450``)."""
    return [announce(one).chosen(exclude=exclude).with_poses() for one in open_sequences(path, options)]


def baselines(train: list[Sequence], test: Sequence) -> list[Baseline]:
    """Median errors of methods that return the pose of a training frame; they compare camera poses."""
    test = test.with_poses()
    trained = np.concatenate([one.map_T_camera for one in train])
    named = (
        ("thumbnail nearest neighbour", thumbnail_nearest_neighbour(train, test)),
        ("nearest training pose (an oracle)", nearest_training_pose(trained, test.map_T_camera)),
    )
    scored = ((name, pose_metrics.pose_errors(poses, test.map_T_camera)) for name, poses in named)
    return [Baseline(name, errors.median_m, errors.median_deg) for name, errors in scored]


def constant_motion(train: list[Sequence], test: Sequence, segment_m: float) -> dict[str, str]:
    """Text about the odometry errors of the mean motion of the training frames; empty without segments."""
    steps = np.concatenate([_steps(one) for one in train])
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_matrix(steps[:, :3, :3]).mean().as_matrix()
    motion[:3, 3] = steps[:, :3, 3].mean(axis=0)
    test = test.with_poses()
    pairs = test.pairs()
    always = np.tile(motion, (len(pairs), 1, 1))
    try:
        errors = trajectories.odometry_errors(always, pairs, test.map_T_base, segment_m=segment_m)
    except DatasetError:
        return {}
    return {
        "odometry of always moving as the training frames do on average": (
            f"{errors.mean_percent:.2f} %, {errors.mean_deg_per_m:.2f} deg/m"
        )
    }


def _steps(sequence: Sequence) -> Array:
    """Motions (P, 4, 4) of the base between consecutive frames."""
    poses, pairs = sequence.map_T_base, sequence.pairs()
    return np.asarray(se3.inverse(poses[pairs[:, 0]]) @ poses[pairs[:, 1]])


@dataclass(frozen=True)
class Difference:
    """Largest differences between two results, in metres and radians, over the frames that are in both."""

    metres: float
    radians: float
    frames: int

    def __str__(self) -> str:
        return f"{self.metres:.1e} m and {self.radians:.1e} rad over {self.frames} frames"


def largest_difference(first: dict[int, Array], second: dict[int, Array]) -> Difference:
    """Compute the largest differences between poses (4, 4) of the stamps that both have."""
    shared = sorted(first.keys() & second.keys())
    if not shared:
        return Difference(float("nan"), float("nan"), 0)
    a, b = (np.stack([poses[stamp] for stamp in shared]) for poses in (first, second))
    apart = se3.inverse(a) @ b
    angles = se3.rotation_angle(apart[:, :3, :3])
    return Difference(float(np.linalg.norm(apart[:, :3, 3], axis=1).max()), float(angles.max()), len(shared))


def differences(live: Results, offline: Results) -> dict[str, str]:
    """Text about the difference of live and offline results, for each kind of pose that both have."""
    kinds = {
        "pose": (live.map_T_base, offline.map_T_base),
        "odometry": (live.odom_T_base, offline.odom_T_base),
        "belief": (live.planar_T_base, offline.planar_T_base),
    }
    return {
        f"largest difference of the live from the offline {name}": str(largest_difference(a, b))
        for name, (a, b) in kinds.items()
        if a and b
    }
