"""Places where a lost robot may be among rooms that look alike, and the points that show each of them.

The odometry carries each place from frame to frame; there, few points are enough to add to those of the frames before.
Rooms that look alike share many points. Those that one place explains and the other does not decide between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_selection import same_place
from localization_common.refinement.acceptance import own_covariance
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.motion_history import SHARED, Motion, moved
from localization_common.refinement.pose_solver import PosePrior
from localization_common.refinement.search import MapSearch, SearchResult

Array = npt.NDArray[np.float64]

#: Largest number of places, and of frames whose points count. A place stays while any of these frames shows it: if it
#: was dropped earlier, another place that lasts longer would win.
_PLACES, _WINDOW = 6, 20
#: Smallest number of points that agree on a pose of a place that the odometry predicts.
_LEAST = 8
#: Distinct points that show a place well enough, in smallest numbers of inliers of one frame; and their smallest share
#: among the matches of all frames: where the map shows nothing that the image does, things that repeat agree by chance.
_SURE, _SHARE = 4, 0.65
#: Points that only the best place explains: at least this many times those that only another place explains, and as
#: many smallest numbers of inliers more; and their smallest share: a bookcase stands in several rooms.
_CLEAR, _MORE, _OWN = 2.0, 2.0, 0.5


@dataclass
class Place:
    """Place where the robot may be.

    Attributes:
        map_T_camera: (4, 4) pose of the present frame in the adjusted map.
        covariance: (6, 6) covariance of this pose about the map's axes.
        result: result of the search in the present frame; None if too few points agree there.
        shown: for each of the last frames, the features that agree with the place and their points in the map.
        matches: for each of these frames, the number of matches, which agree or not.
    """

    map_T_camera: Array
    covariance: Array
    result: SearchResult | None
    shown: dict[int, dict[int, int]] = field(default_factory=dict)
    matches: dict[int, int] = field(default_factory=dict)

    @property
    def points(self) -> set[int]:
        """Distinct points that showed this place."""
        return {point for frame in self.shown.values() for point in frame.values()}

    @property
    def share(self) -> float:
        """Share of the matches of all frames that agree with this place."""
        return sum(len(frame) for frame in self.shown.values()) / max(1, sum(self.matches.values()))

    def points_against(self, other: Place) -> int:
        """Number of distinct points that showed this place with features that do not agree with another place."""
        return len(
            {
                point
                for number, frame in self.shown.items()
                for feature, point in frame.items()
                if feature not in other.shown.get(number, {})
            }
        )


class AlikePlaces:
    """Places where a lost robot may be, over several frames.

    Args:
        search: search near one pose.
        config: parameters of the refinement.
    """

    def __init__(self, search: MapSearch, config: RefinementConfig) -> None:
        self._search, self._config = search, config
        self.reset()

    def reset(self) -> None:
        """Forget all places."""
        self._places: list[Place] = []
        self._frame = 0

    def move(self, motion: Motion | None) -> None:
        """Move all places by the motion since the previous frame; without a motion, forget them."""
        if motion is None:
            self.reset()
            return
        for place in self._places:
            place.map_T_camera, place.covariance = moved(place.map_T_camera, place.covariance, motion)

    def follow(self, features: Features) -> list[Array]:
        """Search the image's features at all places; return the poses (4, 4) of those that it shows."""
        self._frame += 1
        for place in self._places:
            pose, covariance = place.map_T_camera, place.covariance
            prior = PosePrior(pose, np.asarray(np.linalg.inv(covariance), dtype=np.float64))
            near = covariance + self._search.least
            self._show(place, self._search.near(pose, near, features, inliers=_LEAST, prior=prior))
        return [place.map_T_camera for place in self._places if place.result is not None]

    def add(self, results: Sequence[SearchResult]) -> None:
        """Add the places of searches in the present frame, and keep those that the most points show."""
        for result in results:
            if result.solution is not None and result.inliers >= self._config.inliers and result.fixed:
                place = Place(result.solution.map_T_camera, np.zeros((6, 6)), None)
                self._show(place, result)
                self._places.append(place)
        ordered = sorted(self._places, key=lambda place: len(place.points), reverse=True)
        self._places = []
        for place in ordered:
            known = any(same_place(place.map_T_camera, other.map_T_camera) for other in self._places)
            if not known and place.shown and len(self._places) < _PLACES:
                self._places.append(place)

    def best(self) -> Place | None:
        """Place that the most points show."""
        return max(self._places, key=lambda place: len(place.points), default=None)

    def own_points(self, place: Place) -> npt.NDArray[np.int64]:
        """Return the distinct points (N,) that showed a place with features that agree with no other place."""
        others = [other.shown for other in self._places if other is not place]
        shown = (
            point
            for number, frame in place.shown.items()
            for feature, point in frame.items()
            if not any(feature in other.get(number, {}) for other in others)
        )
        return np.array(sorted(set(shown)), dtype=np.int64)

    def doubt(self, best: Place) -> str:
        """Return the reason why the best place is not clear in the present frame; empty if it is."""
        needed, found = self._config.inliers, len(best.points)
        if best.result is None or best.result.inliers < needed or best.result.rejection:
            return "the image does not confirm the place of the frames before"
        # A place that was found later has had fewer frames to show it.
        if any(other.result is not None and other.result.inliers > best.result.inliers for other in self._places):
            return "the image agrees more with another place than with that of the frames before"
        if found < _SURE * needed:
            return f"{found} points show a place where the map has views as elsewhere, {_SURE * needed} are needed"
        if best.share < _SHARE:
            return f"{best.share:.0%} of the matches agree with the place, {_SHARE:.0%} are needed"
        own_share = len(self.own_points(best)) / found
        if own_share < _OWN:
            return f"it agrees with several places in the map: {own_share:.0%} of the points show one place only"
        for other in self._places:
            own, others = best.points_against(other), other.points_against(best)
            if other is not best and own < _CLEAR * others + _MORE * needed:
                return f"it agrees with several places in the map: {own} points speak for one and {others} for another"
        return ""

    def _show(self, place: Place, result: SearchResult) -> None:
        """Set a place's pose to that of a result, and add its points."""
        place.result = result if result.solution is not None else None
        if result.solution is not None:
            place.map_T_camera = result.solution.map_T_camera
            place.covariance = SHARED * own_covariance(result.solution)
            agreed = result.solution.inliers
            place.shown[self._frame] = dict(
                zip(result.features[agreed].tolist(), result.points[agreed].tolist(), strict=True)
            )
            place.matches[self._frame] = len(result.rays)
        for kept in (place.shown, place.matches):
            kept.pop(self._frame - _WINDOW, None)
