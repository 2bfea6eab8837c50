"""Search for the pose of an image in the whole map, without a pose that is expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import same_place
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import isotropic
from localization_common.refinement.search import MapSearch, SearchResult

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
#: Function of a pose (4, 4) that returns the results of a search at other places.
Elsewhere = Callable[[Array], list[SearchResult]]

#: Covariance of the best pose, around which the points are searched once more.
_AGAIN = isotropic(0.1, float(np.radians(4.0)))
#: Smallest size in metres of the box around the points that show a place: one piece of furniture may have been moved.
_FURNITURE = 1.2
#: Quantiles of the points' coordinates that bound the box; the others may be wrong matches.
_INNER = (0.05, 0.95)
#: Metres around a first pose within which a view that is repeated elsewhere makes the pose doubtful: complete rooms
#: repeat.
_ROOM = 1.5
#: Matches of a pose among repeated views that are enough, in smallest numbers of inliers, and ratio to the matches of
#: the best pose elsewhere: rooms that look alike differ in prints and plants.
_SURE, _CLEAR = 4, 2.0


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
        found, needed = self._at(keyframes, features), 2 * self._config.inliers
        best = best_of(found)
        if best is not None and best.solution is not None:
            found.append(self._search.near(best.solution.map_T_camera, _AGAIN, features, inliers=needed, bounded=False))
        return found

    def elsewhere(self, image: Image, features: Features, pose: Array) -> list[SearchResult]:
        """Search at the similar keyframes that are not near a pose (4, 4)."""
        poses = self._map.correction.adjusted
        away = np.nonzero(np.linalg.norm(poses[:, :3, 3] - pose[:3, 3], axis=1) > _ROOM)[0]
        keyframes = self._map.similar_to_image(image, features.descriptors, self._config.retrieved, among=away)
        return self._at(keyframes, features)

    def _at(self, keyframes: npt.NDArray[np.int64], features: Features) -> list[SearchResult]:
        poses, needed = self._map.correction.adjusted, 2 * self._config.inliers
        return [
            self._search.near(poses[k], self._search.widest, features, inliers=needed, bounded=False) for k in keyframes
        ]

    def repeats(self, pose: Array) -> bool:
        """True if the map has a view near a pose (4, 4) at another place, too."""
        return self._map.near_repeated_view(pose, _ROOM)

    def is_ambiguous(self, result: SearchResult, others: Sequence[SearchResult]) -> bool:
        """True if the map has a similar view elsewhere, or if one of the image's other results is another place."""
        assert result.solution is not None
        return self.repeats(result.solution.map_T_camera) or bool(_rivals(result, others))

    def doubt(self, result: SearchResult, others: Sequence[SearchResult], elsewhere: Elsewhere) -> str:
        """Return the reason why an accepted result does not show the place; empty if it does.

        Where the map repeats views, a result must have many more inliers than any at another place.

        Args:
            result: accepted result.
            others: all results of the image.
            elsewhere: searches at other places than a pose; called where the map repeats views.
        """
        assert result.solution is not None
        pose = result.solution.map_T_camera
        if self.repeats(pose):
            rivals = _rivals(result, [*others, *elsewhere(pose)])
            clear = all(result.inliers >= _CLEAR * rival.inliers for rival in rivals)
            ambiguous = not clear or result.inliers < _SURE * self._config.inliers
        else:
            ambiguous = bool(_rivals(result, others))
        if ambiguous:
            return "it agrees with several places in the map"
        seen = self._map.points[result.points[result.solution.inliers]]
        size = float(np.linalg.norm(np.diff(np.quantile(seen, _INNER, axis=0), axis=0)))
        if size < _FURNITURE:
            return f"it agrees with things of the map within {size:.1f} m, which may have been moved"
        return ""


def _rivals(result: SearchResult, others: Sequence[SearchResult]) -> list[SearchResult]:
    """Return the accepted ones of other results that are at another place than an accepted result."""
    assert result.solution is not None
    pose = result.solution.map_T_camera
    accepted = [other for other in others if other.solution is not None and not other.rejection]
    return [a for a in accepted if a.solution is not None and not same_place(a.solution.map_T_camera, pose)]


def best_of(results: Sequence[SearchResult]) -> SearchResult | None:
    """Return the accepted result with the most inliers, or without one the rejected result with the most."""
    return max(results, key=lambda found: (not found.rejection, found.inliers), default=None)
