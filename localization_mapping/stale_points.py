"""Points of an existing map that later drives no longer see where they should: furniture that was moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import FeatureTracks

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Number of later views of a point, without a match, after which it is gone: features are not found in every image.
_MISSED = 5
#: Largest angle between the sights of a point, radians, and largest ratio of its distances: SIFT finds it again there.
_ANGLE, _RATIO = float(np.radians(20.0)), 1.4


def stale_points(points: Array, tracks: FeatureTracks, map_T_camera: Array, first: int, view: Array) -> Mask:
    """Return which points (P,) were seen before, and not again in later keyframes that look at them in the same way.

    Args:
        points: (P, 3) points in the map.
        tracks: their observations.
        map_T_camera: (K, 4, 4) poses of the keyframes.
        first: first of the later keyframes.
        view: (2, 2) smallest and largest rays at depth one that the camera sees.
    """
    later = tracks.keyframe >= first
    seen_again = np.bincount(tracks.point[later], minlength=len(points)) > 0
    missed = np.zeros(len(points), dtype=np.int64)
    direction, distance = _usual_sight(points, tracks, map_T_camera)
    inside_map = ~seen_again
    for pose in map_T_camera[first:]:
        missed[inside_map] += _should_see(points[inside_map], direction[inside_map], distance[inside_map], pose, view)
    return np.asarray(inside_map & (missed >= _MISSED))


def _usual_sight(points: Array, tracks: FeatureTracks, map_T_camera: Array) -> tuple[Array, Array]:
    """Return the mean direction (P, 3) and the mean distance (P,) from which the points were seen."""
    sight = points[tracks.point] - map_T_camera[tracks.keyframe, :3, 3]
    metres = np.linalg.norm(sight, axis=1)
    total, count = np.zeros_like(points), np.bincount(tracks.point, minlength=len(points))
    np.add.at(total, tracks.point, sight / metres[:, None])
    total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)
    return total, np.bincount(tracks.point, weights=metres, minlength=len(points)) / np.maximum(count, 1)


def _should_see(points: Array, direction: Array, distance: Array, pose: Array, view: Array) -> Mask:
    """Return which points (P,) are in a camera's view, from a direction and a distance in which they were seen."""
    camera_T_map = se3.inverse(pose)
    local = points @ camera_T_map[:3, :3].T + camera_T_map[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        rays = local[:, :2] / local[:, 2:]
    inside = (local[:, 2] > 0.1) & (rays > view[0]).all(axis=1) & (rays < view[1]).all(axis=1)
    sight = points - pose[:3, 3]
    metres = np.linalg.norm(sight, axis=1)
    cosine = (sight * direction).sum(axis=1) / np.maximum(metres, 1e-9)
    ratio = metres / np.maximum(distance, 1e-9)
    return np.asarray(inside & (cosine > np.cos(_ANGLE)) & (ratio < _RATIO) & (ratio > 1.0 / _RATIO))
