"""Selection of keyframes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]


def distances(poses: Array, pose: Array, *, metres: float, radians: float) -> Array:
    """Return distances (N,) of poses (N, 4, 4) from one; 1 at this number of metres, or at this angle."""
    position = np.linalg.norm(poses[:, :3, 3] - pose[:3, 3], axis=1) / metres
    turned = se3.rotation_angle(poses[:, :3, :3].transpose(0, 2, 1) @ pose[:3, :3]) / radians
    return np.asarray(np.hypot(position, turned))


def cover(poses: Array, *, metres: float, radians: float, most: int) -> npt.NDArray[np.int64]:
    """Select frames that cover all poses (N, 4, 4); return their positions in increasing order.

    The farthest frame from the selected ones is added until all are within distance 1, or ``most`` are selected.
    """
    chosen = [0]
    nearest = distances(poses, poses[0], metres=metres, radians=radians)
    while len(chosen) < min(most, len(poses)) and nearest.max() > 1.0:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distances(poses, poses[chosen[-1]], metres=metres, radians=radians))
    return np.sort(np.array(chosen, dtype=np.int64))
