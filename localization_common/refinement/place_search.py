"""Search for the pose of an image in the whole map, without a pose that is expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.keyframes.keyframe_selection import distances, same_place
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.perturbation import isotropic
from localization_common.refinement.search import MapSearch, SearchResult

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

#: Covariance of the best pose, around which the points are searched once more.
_AGAIN = isotropic(0.1, float(np.radians(4.0)))
#: Smallest size in metres of the box around the points that show a place: one piece of furniture may have been moved.
_FURNITURE = 1.2
#: Quantiles of the points' coordinates that bound the box; the others may be wrong matches.
_INNER = (0.05, 0.95)
#: Metres around a first pose within which a view that is repeated elsewhere makes the pose doubtful: complete rooms
#: repeat.
_ROOM = 1.5
#: Keyframes of another place than a known one are farther than these metres, or turned by more than these radians.
_APART_METRES, _APART_RADIANS = 1.0, float(np.radians(30.0))
#: Number of similar keyframes among which other places are searched, and of places that are searched in each image:
#: several images follow.
_LOOKED, _OTHERS = 40, 3


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
        found = self._at(keyframes, features)
        best = best_of(found)
        return found if best is None else [*found, *self._again(best, features)]

    def others(self, image: Image, features: Features, known: Sequence[Array]) -> list[SearchResult]:
        """Search at similar keyframes of places that differ from each other and from known ones, poses (4, 4)."""
        poses, places = self._map.correction.adjusted, list(known)
        chosen: list[int] = []
        for k in self._map.similar_to_image(image, features.descriptors, _LOOKED):
            if len(chosen) < _OTHERS and not any(_near(poses[k], place) for place in places):
                chosen.append(int(k))
                places.append(poses[k])
        found = self._at(chosen, features)
        return [max((*self._again(one, features), one), key=lambda result: result.inliers) for one in found]

    def _again(self, result: SearchResult, features: Features) -> list[SearchResult]:
        """Search around a result's pose; without a pose, return nothing."""
        if result.solution is None:
            return []
        pose, needed = result.solution.map_T_camera, 2 * self._config.inliers
        return [self._search.near(pose, _AGAIN, features, inliers=needed, bounded=False)]

    def _at(self, keyframes: Iterable[int], features: Features) -> list[SearchResult]:
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

    def doubt(self, result: SearchResult, others: Sequence[SearchResult]) -> str:
        """Return the reason why an accepted result does not show the place; empty if it does.

        Args:
            result: accepted result.
            others: all results of the image.
        """
        assert result.solution is not None
        if _rivals(result, others):
            return "it agrees with several places in the map"
        return self.may_have_moved(result.points[result.solution.inliers])

    def may_have_moved(self, points: npt.NDArray[np.int64], *, furniture: float = _FURNITURE) -> str:
        """Return the reason why points (N,) of the map do not show a place; empty if they do.

        Args:
            points: indices of the points that agree.
            furniture: largest size in metres of what may have been moved.
        """
        if len(points) == 0:
            return "no point of the map shows one place only"
        size = float(np.linalg.norm(np.diff(np.quantile(self._map.points[points], _INNER, axis=0), axis=0)))
        if size < furniture:
            return f"it agrees with things of the map within {size:.1f} m, which may have been moved"
        return ""


def _rivals(result: SearchResult, others: Sequence[SearchResult]) -> list[SearchResult]:
    """Return the accepted ones of other results that are at another place than an accepted result."""
    assert result.solution is not None
    pose = result.solution.map_T_camera
    accepted = [other for other in others if other.solution is not None and not other.rejection]
    return [a for a in accepted if a.solution is not None and not same_place(a.solution.map_T_camera, pose)]


def _near(pose: Array, other: Array) -> bool:
    """True if two poses (4, 4) are too near to be searched both."""
    return bool(distances(pose[None], other, metres=_APART_METRES, radians=_APART_RADIANS)[0] < 1.0)


def best_of(results: Sequence[SearchResult]) -> SearchResult | None:
    """Return the accepted result with the most inliers, or without one the rejected result with the most."""
    return max(results, key=lambda found: (not found.rejection, found.inliers), default=None)
