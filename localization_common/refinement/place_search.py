"""Search for the pose of an image in the whole map, without a pose that is expected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import same_place
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import isotropic
from localization_common.refinement.search import MapSearch, SearchResult

Image = npt.NDArray[np.uint8]

#: Covariance of the best pose, around which the points are searched once more.
_AGAIN = isotropic(0.1, float(np.radians(4.0)))
#: Smallest size in metres of the box around the points that show a place: one piece of furniture may have been moved.
_FURNITURE = 1.2
#: Quantiles of the points' coordinates that bound the box; the others may be wrong matches.
_INNER = (0.05, 0.95)
#: Metres around a first pose within which no view may be repeated elsewhere: complete rooms repeat.
_ROOM = 1.5


class PlaceSearch:
    """Search at the keyframes that are similar to an image.

    Args:
        keyframe_map: map of the keyframes.
        search: search near one pose.
        config: parameters of the refinement.
    """

    def __init__(self, keyframe_map: KeyframeMap, search: MapSearch, config: RefinementConfig) -> None:
        self._map, self._search, self._config = keyframe_map, search, config

    def similar(self, image: Image, features: Features) -> list[SearchResult]:
        """Search at the similar keyframes, then around the best of the found poses.

        A keyframe shows the same things as the image; it is no guess of the pose, which may be metres away.
        """
        keyframes = self._map.similar_to_image(image, features.descriptors, self._config.retrieved)
        poses, needed = self._map.correction.adjusted, 2 * self._config.inliers
        found = [
            self._search.near(poses[k], self._search.widest, features, inliers=needed, bounded=False) for k in keyframes
        ]
        best = best_of(found)
        if best is not None and best.solution is not None:
            found.append(self._search.near(best.solution.map_T_camera, _AGAIN, features, inliers=needed, bounded=False))
        return found

    def is_ambiguous(self, result: SearchResult, others: Sequence[SearchResult]) -> bool:
        """True if the map has a similar view elsewhere, or if one of the image's other results is another place."""
        assert result.solution is not None
        pose = result.solution.map_T_camera
        accepted = [other.solution for other in others if other.solution and not other.rejection]
        return self._map.near_repeated_view(pose, _ROOM) or not all(same_place(o.map_T_camera, pose) for o in accepted)

    def doubt(self, result: SearchResult, others: Sequence[SearchResult]) -> str:
        """Return the reason why an accepted result does not show the place; empty if it does.

        Args:
            result: accepted result.
            others: all results of the image.
        """
        assert result.solution is not None
        if self.is_ambiguous(result, others):
            return "it agrees with several places in the map"
        seen = self._map.points[result.points[result.solution.inliers]]
        size = float(np.linalg.norm(np.diff(np.quantile(seen, _INNER, axis=0), axis=0)))
        if size < _FURNITURE:
            return f"it agrees with things of the map within {size:.1f} m, which may have been moved"
        return ""


def best_of(results: Sequence[SearchResult]) -> SearchResult | None:
    """Return the accepted result with the most inliers, or without one the rejected result with the most."""
    return max(results, key=lambda found: (not found.rejection, found.inliers), default=None)
