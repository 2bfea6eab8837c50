"""Coverage of poses by views: the farthest pose becomes the next view until every pose is near a view."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar

Array = npt.NDArray[np.float64]


def view_distance(a: Array, b: Array, *, spacing_d: float, spacing_a: float) -> Array:
    """Distance (...) of planar poses (..., 3): 1 at one spacing apart in position (metres) or in heading (radians)."""
    position = np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]) / spacing_d
    return np.asarray(np.hypot(position, planar.wrap_angle(a[..., 2] - b[..., 2]) / spacing_a))


def cover(poses: Array, *, spacing_d: float, spacing_a: float, max_views: int, first: int = 0) -> npt.NDArray[np.int64]:
    """Choose views until every pose is within distance 1 of one, or until max_views; return their positions in order.

    Args:
        poses: (N, 3). spacing_d, spacing_a: metres and radians. first: position of the first view.
    """
    chosen = [first]
    distance = view_distance(poses, poses[first], spacing_d=spacing_d, spacing_a=spacing_a)
    while len(chosen) < min(max_views, len(poses)) and distance.max() > 1.0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(
            distance, view_distance(poses, poses[chosen[-1]], spacing_d=spacing_d, spacing_a=spacing_a)
        )
    return np.array(chosen, dtype=np.int64)
