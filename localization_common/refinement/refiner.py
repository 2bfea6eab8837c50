"""Refinement of poses from images and guesses, without ROS and without networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CameraError
from localization_common.keyframes.features import FeatureExtractor, Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.acceptance import Status, covariance
from localization_common.refinement.alike_places import AlikePlaces
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.motion_history import Motion, MotionHistory
from localization_common.refinement.place_search import PlaceSearch, best_of
from localization_common.refinement.search import MapSearch, SearchResult

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

#: Number of further frames that must agree where the map repeats views, and size in metres of the corner of a room
#: that may be in the map once and in the building twice: what only one place shows must be larger.
_MORE_FRAMES, _CORNER = 2, 3.5


@dataclass(frozen=True)
class WideSearch:
    """Searches for one image in the whole map.

    Attributes:
        similar: returns the results at the similar keyframes; it searches at its first call only.
        others: returns the results at similar keyframes of other places than known ones.
    """

    similar: Callable[[], list[SearchResult]]
    others: Callable[[Sequence[Array]], list[SearchResult]]


@dataclass(frozen=True)
class Guess:
    """Guessed pose (4, 4) of the camera, map_T_camera, with its covariance (6, 6) about the map's axes."""

    map_T_camera: Array
    covariance: Array


@dataclass(frozen=True)
class Refinement:
    """Result of the refinement of one frame.

    Attributes:
        status: whether there is a pose.
        map_T_camera: (4, 4) pose in the frame of the poses with which the map was built; None if refused.
        covariance: (6, 6) covariance of x y z rX rY rZ about the map's axes; None if refused.
        pixels: (I, 2) pixels of the points that agree; empty if refused.
        matches: number of features that were matched with points of the map.
        reason: reason why it was refused or relocated.
        contradicts: the image agrees with another place than the previous frames; more frames must confirm it.
        timings: milliseconds of each part.
    """

    status: Status
    map_T_camera: Array | None = None
    covariance: Array | None = None
    pixels: Array = field(default_factory=lambda: np.empty((0, 2)))
    matches: int = 0
    reason: str = ""
    contradicts: bool = False
    timings: dict[str, float] = field(default_factory=dict)


class Refiner:
    """Streaming refinement against a keyframe map.

    Searches first within the gate of a guess's covariance, then within a wide gate, then at the keyframes similar to
    the image. A pose that contradicts the guesses or the previous frames is accepted after several consecutive frames
    that agree on it. A pose that only a few things show, which may have been moved, is accepted only if the previous
    frames lead there. In a map that repeats views, a lost robot must also see what only one place has.

    Args:
        keyframe_map: map of keyframes.
        config: parameters of the refinement.
    """

    def __init__(self, keyframe_map: KeyframeMap, config: RefinementConfig | None = None) -> None:
        self._map, self._config = keyframe_map, config or RefinementConfig()
        self._repeats = bool(keyframe_map.repeated_view.any())
        self._camera: _CameraSearch | None = None
        self._history = MotionHistory()

    def set_camera(self, camera: Camera) -> None:
        """Set the camera of the images; forgets the previous frames.

        Raises:
            CameraError: its images have much less detail than the map.
        """
        extractor = FeatureExtractor(camera, focal=self._map.focal, count=self._map.features)
        search = MapSearch(self._map, camera, self._config)
        places, alike = PlaceSearch(self._map, search, self._config), AlikePlaces(search, self._config)
        self._camera = _CameraSearch(camera, extractor, search, places, alike)
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames."""
        self._history.reset()
        if self._camera is not None:
            self._camera.alike.reset()

    def features(self, image: Image) -> Features:
        """Extract features of an image (H, W, 3) uint8 RGB, as true rays; may run in another thread than the network.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
        """
        found = self._known_camera.extractor(image)
        return Features(self._map.lens.undistort(found.rays), found.descriptors, found.sizes)

    def step(
        self,
        image: Image,
        guesses: Sequence[Guess],
        *,
        hints: Sequence[Guess] = (),
        motion: Motion | None = None,
        features: Features | None = None,
    ) -> Refinement:
        """Refine one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            guesses: guessed poses of the camera, the most probable first; without any, the whole map is searched.
            hints: poses of another localizer, where the map is searched, too. A pose found there needs the same
                confirmation by several frames as one in the rest of the map.
            motion: motion since the previous frame.
            features: features of the image, if they were extracted before.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
        """
        started = time.perf_counter()
        features = self.features(image) if features is None else features
        extracted = time.perf_counter()
        self._history.move(motion)
        self._known_camera.alike.move(motion)
        places = self._known_camera.places
        similar = cache(lambda: places.similar(image, features))  # used twice, or mostly not at all
        wide = WideSearch(similar, lambda known: places.others(image, features, known))
        result = self._near_guesses(guesses, features, wide)
        if result is None:
            result = self._elsewhere(guesses, [*guesses, *hints], features, wide)
        finished = time.perf_counter()
        result.timings.update(features=1e3 * (extracted - started), solve=1e3 * (finished - extracted))
        return result

    @property
    def _known_camera(self) -> _CameraSearch:
        if self._camera is None:
            raise CameraError("no camera yet: call set_camera() before the first frame")
        return self._camera

    def _near_guesses(self, guesses: Sequence[Guess], features: Features, wide: WideSearch) -> Refinement | None:
        """Return a pose near a guess, or near the pose that the previous frames predict; None without one."""
        search, inliers = self._known_camera.search, self._config.inliers
        places = [(self._map.correction.to_adjusted(g.map_T_camera), g.covariance, inliers) for g in guesses]
        if self._history.expected is not None:
            places.insert(0, (*self._history.expected, 2 * inliers if self._history.vague else inliers))
        for added, least in ((search.least, inliers), (search.widest, 2 * inliers)):
            for pose, spread, own in places:
                needed = max(least, own)
                prior = self._history.prior if self._history.agrees(pose, gate=self._config.gate) else None
                found = search.near(pose, spread + added, features, inliers=needed, prior=prior)
                if not found.rejection and self._confirmed(found, wide):
                    return self._accept(found, Status.REFINED)
        return None

    def _confirmed(self, found: SearchResult, wide: WideSearch) -> bool:
        """True if the pose agrees with the previous frames or, without these, if the image fits no other place."""
        assert found.solution is not None
        pose = found.solution.map_T_camera
        if self._history.expected is not None:
            return self._history.agrees(pose, gate=self._config.gate)
        return not self._known_camera.places.is_ambiguous(found, wide.similar())

    def _accept(self, found: SearchResult, status: Status, reason: str = "") -> Refinement:
        solution, camera = found.solution, self._known_camera.camera
        assert solution is not None
        pose, correction = self._map.correction.to_given(solution.map_T_camera)
        scaled = self._map.covariance_scale * covariance(solution, correction)
        self._history.confirm(solution.map_T_camera, scaled)
        self._known_camera.alike.reset()
        pixels = camera.project(self._map.lens.distort(found.rays[solution.inliers]))
        return Refinement(status, pose, scaled, pixels, len(found.rays), reason)

    def _elsewhere(
        self, guesses: Sequence[Guess], tried: Sequence[Guess], features: Features, wide: WideSearch
    ) -> Refinement:
        """Return a pose at a guess, a hint or a similar keyframe; it is accepted after several frames that agree."""
        search, needed, history = self._known_camera.search, 2 * self._config.inliers, self._history
        given = [
            search.near(self._map.correction.to_adjusted(t.map_T_camera), search.widest, features, inliers=needed)
            for t in tried
        ]
        reason = "the image does not agree with the guess" if guesses else "no guess"
        if self._repeats:
            return self._among_alike(given, features, wide, reason)
        places = given + wide.similar()
        best = best_of(places)
        if best is None or best.solution is None or best.rejection:
            history.forget_elsewhere()
            return Refinement(Status.REFUSED, reason=f"{reason}, nor with any place in the map")
        if history.agrees(best.solution.map_T_camera, gate=self._config.gate):
            return self._accept(best, Status.REFINED)
        if doubt := self._known_camera.places.doubt(best, places):
            history.forget_elsewhere()
            return Refinement(Status.REFUSED, matches=len(best.rays), reason=f"{reason}; {doubt}")
        frames = history.count_elsewhere(best.solution.map_T_camera)
        return self._counted(best, frames, self._config.confirmations, reason)

    def _among_alike(
        self, given: Sequence[SearchResult], features: Features, wide: WideSearch, reason: str
    ) -> Refinement:
        """Return a pose in a map that repeats views: the place that the last frames show, and no other place."""
        places, alike = self._known_camera.places, self._known_camera.alike
        known = alike.follow(features)
        results = [*given, *wide.others(known)]
        alike.add(results)
        expected = best_of(results)
        if expected is not None and expected.solution is not None and not expected.rejection:
            pose = expected.solution.map_T_camera
            if self._history.agrees(pose, gate=self._config.gate):
                return self._accept(expected, Status.REFINED)
        best = alike.best()
        if best is None or best.result is None:
            return Refinement(Status.REFUSED, reason=f"{reason}, nor with any place in the map")
        doubt = alike.doubt(best) or places.may_have_moved(alike.own_points(best), furniture=_CORNER)
        if doubt:
            return Refinement(Status.REFUSED, matches=len(best.result.rays), reason=f"{reason}; {doubt}")
        needed = self._config.confirmations + (_MORE_FRAMES if places.repeats(best.map_T_camera) else 0)
        return self._counted(best.result, len(best.shown), needed, reason)

    def _counted(self, found: SearchResult, frames: int, needed: int, reason: str) -> Refinement:
        """Accept a place that enough frames agree on."""
        reason = f"{reason}; {frames} of {needed} frames agree on another place"
        if frames < needed:
            contradicts = self._history.expected is not None
            return Refinement(Status.REFUSED, matches=len(found.rays), reason=reason, contradicts=contradicts)
        return self._accept(found, Status.RELOCATED, reason)


@dataclass(frozen=True)
class _CameraSearch:
    """Camera, and what searches in its images: features, points near a pose, the whole map, places that look alike."""

    camera: Camera
    extractor: FeatureExtractor
    search: MapSearch
    places: PlaceSearch
    alike: AlikePlaces
