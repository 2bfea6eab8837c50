"""Choice of views that cover a set of poses: every pose is near one of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar
from localization_common.geometry.greedy_cover import greedy_cover

Array = npt.NDArray[np.float64]


def view_distance(a: Array, b: Array, *, spacing_d: float, spacing_a: float) -> Array:
    """Distance (...) of planar poses (..., 3): 1 at one spacing apart in position (metres) or in heading (radians)."""
    position = np.hypot(a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]) / spacing_d
    return np.asarray(np.hypot(position, planar.wrap_angle(a[..., 2] - b[..., 2]) / spacing_a))


def cover(poses: Array, *, spacing_d: float, spacing_a: float, max_views: int, first: int = 0) -> npt.NDArray[np.int64]:
    """Choose views, in order of choice, so that every pose is within distance 1 of one.

    Args:
        poses: (N, 3) planar poses.
        spacing_d, spacing_a: metres and radians that are distance 1.
        max_views: number of views at most.
        first: index of the pose that is chosen first.
    """

    def distances_from(row: int) -> Array:
        return view_distance(poses, poses[row], spacing_d=spacing_d, spacing_a=spacing_a)

    return greedy_cover(len(poses), distances_from, most=max_views, first=first)
