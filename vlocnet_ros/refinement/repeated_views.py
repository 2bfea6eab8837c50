"""Keyframes whose view the map holds twice: rooms or furniture that repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from vlocnet_ros.keyframes.features import Features
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.keyframes.keyframe_selection import distances
from vlocnet_ros.keyframes.retrieval import nearest
from vlocnet_ros.refinement.config import RefinementConfig
from vlocnet_ros.refinement.search import MapSearch

Array = npt.NDArray[np.float64]

#: Another place is so far away, or looks so far elsewhere.
_METRES, _RADIANS = 0.5, float(np.radians(30.0))
#: Places that look most alike, which are tried for each keyframe.
_TRIED = 15


def same_place(pose: Array, other: Array) -> bool:
    """Whether two poses (4, 4) are one place, found twice."""
    return bool(distances(pose[None], other, metres=_METRES, radians=_RADIANS)[0] <= 1.0)


def mark_repeated_views(known: KeyframeMap, features: Sequence[Features], camera: Camera) -> KeyframeMap:
    """The map with `KeyframeMap.doubles` measured: each keyframe is looked for elsewhere, as `Refiner` would.

    Args:
        known: the map. features: of its keyframes, as the calibration gives them. camera: that made them.
    """
    search, needed = MapSearch(known, camera, RefinementConfig()), 2 * RefinementConfig().inliers
    adjusted, doubles = known.correction.adjusted, np.zeros(len(features), dtype=np.bool_)
    away = np.stack([distances(adjusted, pose, metres=_METRES, radians=_RADIANS) for pose in adjusted])
    for k, own in enumerate(features):
        true = replace(own, rays=known.lens.undistort(own.rays))
        others = np.nonzero(away[k] > 1.0)[0]
        for other in others[nearest(known.thumbnails[others], known.thumbnails[k], _TRIED)]:
            found = search.near(adjusted[other], search.widest, true, inliers=needed)
            if found.solution is not None and not found.objection:
                doubles[k] = not same_place(found.solution.map_T_camera, adjusted[k])
            if doubles[k]:
                break
    return replace(known, doubles=(away < 1.0) @ doubles)  # views between them look alike too
