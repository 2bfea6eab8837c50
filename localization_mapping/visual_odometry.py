"""Odometry from a depth camera: motions between keyframes from the points that depth images give."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_mapping.closures import relate
from localization_mapping.keyframe_set import KeyframeSet
from localization_mapping.motion_noise import MotionNoise
from localization_mapping.progress import Tick

Array = npt.NDArray[np.float64]

#: Smallest number of matches that agree on a motion.
_LEAST = 15
#: Factor of the noise of a motion that no image pair gives; the pose stays until a loop closure moves it.
UNKNOWN = 100.0
#: Noise of a motion in space: hand-held cameras turn and rise.
NOISE = MotionNoise(
    metres=0.01, metres_per_metre=0.03, metres_per_radian=0.02, radians=0.005, radians_per_metre=0.02,
    radians_per_radian=0.03, out_of_plane=0.01,
)  # fmt: skip


def visual_odometry(keyframes: KeyframeSet, points: list[Array], tick: Tick) -> tuple[Array, Array]:
    """Integrate the motions between the keyframes of one drive.

    Args:
        keyframes: keyframes of a drive.
        points: (N, 3) local points of each keyframe's features, from depth.
        tick: called after each keyframe.

    Returns:
        Odometry (K, 4, 4) of the base, and the factor (K,) of the noise of the motion before each keyframe.
    """
    poses, factors = [np.eye(4)], [1.0]
    for b in range(1, len(keyframes)):
        motion, factor = _motion(keyframes, points, b)
        poses.append(poses[-1] @ motion)
        factors.append(factor)
        tick()
    return np.stack(poses), np.array(factors)


def _motion(keyframes: KeyframeSet, points: list[Array], b: int) -> tuple[Array, float]:
    """Return the motion (4, 4) of the base before a keyframe, and the factor of its noise."""
    closure = relate(keyframes, points, b - 1, b, _LEAST)
    if closure is None:
        return np.eye(4), UNKNOWN
    a_T_b = closure.a_T_b if closure.a == b - 1 else se3.inverse(closure.a_T_b)
    return keyframes.base_T_camera[b - 1] @ a_T_b @ keyframes.camera_T_base[b], 1.0
