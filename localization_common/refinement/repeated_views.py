"""Keyframes with a similar view at another place of the map, such as rooms or furniture that repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.keyframes.feature_tracks import match_features
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import PLACE_METRES, PLACE_RADIANS, distances, same_place
from localization_common.keyframes.triangulation import residuals, triangulate
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.search import MapSearch

Array = npt.NDArray[np.float64]

#: Number of the most similar places that are tried for each keyframe.
_TRIED = 15
#: Largest ratio of a match's distance to the second best one's; largest error of a match at depth one.
_CLEAR, _ERROR = 0.85, 0.01


def _may_repeat(features: Sequence[Features], a: int, b: int, b_T_a: Array, least: int) -> bool:
    """True if matches of two keyframes are no points by their poses, and agree on an epipolar geometry.

    Without such matches no search finds the view of a at b. The test takes a tenth of the time of a search.
    """
    matches = match_features(features, a, b, _CLEAR)
    rays_a, rays_b = features[a].rays[matches.left], features[b].rays[matches.right]
    seen = np.tile(np.arange(len(rays_a)), 2)
    poses = np.concatenate([np.tile(np.eye(4), (len(rays_a), 1, 1)), np.tile(se3.inverse(b_T_a), (len(rays_a), 1, 1))])
    rays = np.concatenate([rays_a, rays_b])
    off = residuals(triangulate(rays, se3.inverse(poses), seen, len(rays_a))[seen], poses, rays)
    contradict = off.reshape(2, -1).max(axis=0) > _ERROR
    if contradict.sum() < least:
        return False
    others = rays_a[contradict], rays_b[contradict]
    inliers = cv2.findEssentialMat(*others, np.eye(3), method=cv2.USAC_FAST, prob=0.99, threshold=_ERROR)[1]
    return inliers is not None and int(inliers.sum()) >= least


def mark_repeated_views(keyframe_map: KeyframeMap, features: Sequence[Features], camera: Camera) -> KeyframeMap:
    """Set `KeyframeMap.repeated_view`: search each keyframe's view at other places, as `Refiner` does.

    Args:
        keyframe_map: map to measure.
        features: features of its keyframes, with the rays of the calibration.
        camera: camera of these features.
    """
    search, needed = MapSearch(keyframe_map, camera, RefinementConfig()), 2 * RefinementConfig().inliers
    adjusted, repeated = keyframe_map.correction.adjusted, np.zeros(len(features), dtype=np.bool_)
    for k, own in enumerate(features):
        true = replace(own, rays=keyframe_map.lens.undistort(own.rays))
        others = np.nonzero(_away(adjusted, k) > 1.0)[0]
        for other in keyframe_map.similar_to_keyframe(k, others, _TRIED):
            b_T_a = se3.inverse(adjusted[other]) @ adjusted[k]
            if not _may_repeat(features, k, int(other), b_T_a, needed):
                continue
            found = search.near(adjusted[other], search.widest, true, inliers=needed)
            if found.solution is not None and not found.rejection:
                repeated[k] = not same_place(found.solution.map_T_camera, adjusted[k])
            if repeated[k]:
                break
    marked = repeated.copy()
    for one in np.nonzero(repeated)[0].tolist():
        marked |= _away(adjusted, one) < 1.0  # and the views between such keyframes
    return replace(keyframe_map, repeated_view=marked)


def _away(poses: Array, k: int) -> Array:
    """Return the distances (K,) of poses (K, 4, 4) from one of them; 1 at the border of its place."""
    return distances(poses, poses[k], metres=PLACE_METRES, radians=PLACE_RADIANS)
