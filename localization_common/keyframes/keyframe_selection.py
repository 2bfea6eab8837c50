"""Choice of the frames that become keyframes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.geometry.greedy_cover import greedy_cover

Array = npt.NDArray[np.float64]

#: Distance and rotation from which on two poses are different places.
PLACE_METRES, PLACE_RADIANS = 0.5, float(np.radians(30.0))


def distances(poses: Array, pose: Array, *, metres: float, radians: float) -> Array:
    """Return distances (N,) of poses (N, 4, 4) from one; 1 at this number of metres, or at this angle."""
    position = np.linalg.norm(poses[:, :3, 3] - pose[:3, 3], axis=1) / metres
    turned = se3.rotation_angle(poses[:, :3, :3].transpose(0, 2, 1) @ pose[:3, :3]) / radians
    return np.asarray(np.hypot(position, turned))


def same_place(pose: Array, other: Array) -> bool:
    """True if two poses (4, 4) are the same place."""
    return bool(distances(pose[None], other, metres=PLACE_METRES, radians=PLACE_RADIANS)[0] <= 1.0)


def cover(poses: Array, *, metres: float, radians: float, most: int) -> npt.NDArray[np.int64]:
    """Choose at most ``most`` frames, in order of time, so that every pose (N, 4, 4) is within distance 1 of one."""

    def distances_from(row: int) -> Array:
        return distances(poses, poses[row], metres=metres, radians=radians)

    return np.sort(greedy_cover(len(poses), distances_from, most=most))
