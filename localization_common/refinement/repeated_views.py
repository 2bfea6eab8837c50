"""Keyframes with a similar view at another place of the map, such as rooms or furniture that repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import distances
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.search import MapSearch

Array = npt.NDArray[np.float64]

#: Distance and rotation from which on two poses are different places.
_METRES, _RADIANS = 0.5, float(np.radians(30.0))
#: Number of the most similar places that are tried for each keyframe.
_TRIED = 15


def same_place(pose: Array, other: Array) -> bool:
    """True if two poses (4, 4) are the same place."""
    return bool(distances(pose[None], other, metres=_METRES, radians=_RADIANS)[0] <= 1.0)


def mark_repeated_views(keyframe_map: KeyframeMap, features: Sequence[Features], camera: Camera) -> KeyframeMap:
    """Set `KeyframeMap.repeated_view`: search each keyframe's view at other places, as `Refiner` does.

    Args:
        keyframe_map: map to measure.
        features: features of its keyframes, with the rays of the calibration.
        camera: camera of these features.
    """
    search, needed = MapSearch(keyframe_map, camera, RefinementConfig()), 2 * RefinementConfig().inliers
    adjusted, repeated = keyframe_map.correction.adjusted, np.zeros(len(features), dtype=np.bool_)
    away = np.stack([distances(adjusted, pose, metres=_METRES, radians=_RADIANS) for pose in adjusted])
    for k, own in enumerate(features):
        true = replace(own, rays=keyframe_map.lens.undistort(own.rays))
        others = np.nonzero(away[k] > 1.0)[0]
        for other in keyframe_map.similar_to_keyframe(k, others, _TRIED):
            found = search.near(adjusted[other], search.widest, true, inliers=needed)
            if found.solution is not None and not found.rejection:
                repeated[k] = not same_place(found.solution.map_T_camera, adjusted[k])
            if repeated[k]:
                break
    return replace(keyframe_map, repeated_view=(away < 1.0) @ repeated)  # and the views between such keyframes
