"""Points as known from keyframes that stay: their observations become one prior on each point."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks

Array = npt.NDArray[np.float64]

#: Standard deviation in metres along a direction that the observations do not fix.
_LOOSE = 10.0
#: Number of Gauss-Newton steps.
_STEPS = 2


def anchored_points(
    points: Array, map_T_camera: Array, rays: Array, tracks: FeatureTracks, sigma: float
) -> Iterator[tuple[int, Array, Array]]:
    """Yield each observed point's index, its position (3,) by these observations, and its information (3, 3).

    Args:
        points: (P, 3) positions near the solution.
        map_T_camera: (K, 4, 4) poses that stay.
        rays: (O, 2) observed rays at depth one.
        tracks: observations of the points in these keyframes.
        sigma: standard deviation of a ray.
    """
    camera_T_map = se3.inverse(map_T_camera)[tracks.keyframe]
    found = points.copy()
    for _ in range(_STEPS):
        local = np.einsum("oij,oj->oi", camera_T_map[:, :3, :3], found[tracks.point]) + camera_T_map[:, :3, 3]
        depth = np.maximum(local[:, 2:], 0.05)
        off = local[:, :2] / depth - rays
        projection = np.zeros((len(rays), 2, 3))
        projection[:, 0, 0] = projection[:, 1, 1] = 1.0 / depth[:, 0]
        projection[:, :, 2] = -local[:, :2] / depth**2
        jacobian = projection @ camera_T_map[:, :3, :3] / sigma
        information = np.tile(np.eye(3) / _LOOSE**2, (len(points), 1, 1))
        gradient = np.zeros_like(points)
        np.add.at(information, tracks.point, jacobian.swapaxes(1, 2) @ jacobian)
        np.add.at(gradient, tracks.point, np.einsum("oji,oj->oi", jacobian, off / sigma))
        found = found - np.linalg.solve(information, gradient[..., None])[..., 0]
    for point in np.unique(tracks.point).tolist():
        yield point, found[point], information[point]
