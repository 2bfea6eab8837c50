"""Images and guesses in, refined poses out; knows nothing of ROS, nor of networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CameraError
from vlocnet_ros.keyframes.features import FeatureExtractor, Features
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.keyframes.retrieval import nearest, thumbnail
from vlocnet_ros.refinement.acceptance import Status, covariance
from vlocnet_ros.refinement.config import RefinementConfig
from vlocnet_ros.refinement.motion_history import Motion, MotionHistory
from vlocnet_ros.refinement.repeated_views import same_place
from vlocnet_ros.refinement.search import MapSearch, SearchResult

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
#: What is found at the keyframes that look like an image, searched for when it is first asked for.
Alike = Callable[[], list[SearchResult]]

#: Metres around a first pose within which no view may be found elsewhere too: rooms repeat as a whole.
_ROOM = 1.5


@dataclass(frozen=True)
class Guess:
    """A place where the camera may be: pose (4, 4), map_T_camera, and covariance (6, 6) about the map's axes."""

    map_T_camera: Array
    covariance: Array


@dataclass(frozen=True)
class Refinement:
    """What came of one frame.

    Attributes:
        status: whether there is a pose.
        map_T_camera: (4, 4) in the frame of the poses that the map was built with; None if refused.
        covariance: (6, 6) of x y z rX rY rZ about the map's axes; None if refused.
        pixels: (I, 2) of the points that agree, in the image; empty if refused.
        matches: features that were taken for points of the map.
        reason: why it was refused or relocated.
        timings: milliseconds.
    """

    status: Status
    map_T_camera: Array | None = None
    covariance: Array | None = None
    pixels: Array = field(default_factory=lambda: np.empty((0, 2)))
    matches: int = 0
    reason: str = ""
    timings: dict[str, float] = field(default_factory=dict)


class Refiner:
    """Streaming refinement against a map of keyframes.

    First within the gate that a guess's covariance draws, then within a wide one, then at the keyframes that look
    like the image. A pose that contradicts the guesses, or where the frames before lead, is believed when several
    frames in a row agree on it; one where the map looks alike elsewhere, only when the frames before lead there.

    Args:
        known: the map.
        config: numbers.
    """

    def __init__(self, known: KeyframeMap, config: RefinementConfig | None = None) -> None:
        self._map, self._config = known, config or RefinementConfig()
        self._camera: tuple[Camera, FeatureExtractor, MapSearch] | None = None
        self._history = MotionHistory()

    def set_camera(self, camera: Camera) -> None:
        """Say which camera the images come from; forgets the frames before.

        Raises:
            CameraError: it shows much less detail than the map.
        """
        extractor = FeatureExtractor(camera, focal=self._map.focal, count=self._map.features)
        self._camera = camera, extractor, MapSearch(self._map, camera, self._config)
        self.reset()

    def reset(self) -> None:
        """Forget the frames before."""
        self._history.reset()

    def features(self, image: Image) -> Features:
        """Features of an image (H, W, 3) uint8 RGB, in true rays; may run in a thread of its own, beside a network.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
        """
        found = self._known_camera[1](image)
        return Features(self._map.lens.undistort(found.rays), found.descriptors, found.sizes)

    def step(
        self,
        image: Image,
        guesses: Sequence[Guess],
        *,
        motion: Motion | None = None,
        features: Features | None = None,
    ) -> Refinement:
        """Refine one frame.

        Args:
            image: (H, W, 3) uint8 RGB.
            guesses: where the camera may be, the likeliest first; none asks for the whole map.
            motion: since the frame before.
            features: of the image, where they are known already.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
        """
        started = time.perf_counter()
        features = self.features(image) if features is None else features
        extracted = time.perf_counter()
        self._history.move(motion)
        alike = cache(lambda: self._alike(image, features))  # asked for up to several times, mostly never
        result = self._near_guesses(guesses, features, alike) or self._elsewhere(guesses, features, alike)
        finished = time.perf_counter()
        result.timings.update(features=1e3 * (extracted - started), solve=1e3 * (finished - extracted))
        return result

    @property
    def _known_camera(self) -> tuple[Camera, FeatureExtractor, MapSearch]:
        if self._camera is None:
            raise CameraError("no camera is known yet: set_camera() comes before the first frame")
        return self._camera

    def _near_guesses(self, guesses: Sequence[Guess], features: Features, alike: Alike) -> Refinement | None:
        """A pose near a guess, or near where the frames before lead; None if there is none."""
        search, inliers = self._known_camera[2], self._config.inliers
        places = [(self._map.correction.to_adjusted(g.map_T_camera), g.covariance) for g in guesses]
        if self._history.expected is not None:
            places.insert(0, self._history.expected)
        for added, needed in ((search.least, inliers), (search.widest, 2 * inliers)):
            for pose, spread in places:
                prior = self._history.prior if self._history.agrees(pose, gate=self._config.gate) else None
                found = search.near(pose, spread + added, features, inliers=needed, prior=prior)
                if not found.objection and self._believed(found, alike):
                    return self._accept(found, Status.REFINED)
        return None

    def _believed(self, found: SearchResult, alike: Alike) -> bool:
        """Whether the pose is where the frames before lead; without these, where the image fits nowhere else."""
        assert found.solution is not None
        pose = found.solution.map_T_camera
        if self._history.expected is not None:
            return self._history.agrees(pose, gate=self._config.gate)
        if self._map.near_doubled(pose, _ROOM):
            return False
        others = [other.solution for other in alike() if other.solution and not other.objection]
        return all(same_place(other.map_T_camera, pose) for other in others)

    def _alike(self, image: Image, features: Features) -> list[SearchResult]:
        """What is found at the keyframes that look like the image."""
        search, needed = self._known_camera[2], 2 * self._config.inliers
        alike = nearest(self._map.thumbnails, thumbnail(image), self._config.retrieved)
        return [search.near(self._map.correction.adjusted[k], search.widest, features, inliers=needed) for k in alike]

    def _accept(self, found: SearchResult, status: Status, reason: str = "") -> Refinement:
        solution, camera = found.solution, self._known_camera[0]
        assert solution is not None
        pose, correction = self._map.correction.to_given(solution.map_T_camera)
        known_to = self._map.covariance_scale * covariance(solution, correction)
        self._history.confirm(solution.map_T_camera, known_to)
        pixels = camera.project(self._map.lens.distort(found.rays[solution.inliers]))
        return Refinement(status, pose, known_to, pixels, len(found.rays), reason)

    def _elsewhere(self, guesses: Sequence[Guess], features: Features, alike: Alike) -> Refinement:
        """A pose at a guess or a keyframe that looks like the image; believed after several frames that agree."""
        search, needed = self._known_camera[2], 2 * self._config.inliers
        tried = [self._map.correction.to_adjusted(guess.map_T_camera) for guess in guesses]
        places = [search.near(pose, search.widest, features, inliers=needed) for pose in tried] + alike()
        best = max(places, key=lambda found: (not found.objection, found.inliers), default=None)
        reason = "the image does not agree with the guess" if guesses else "no guess"
        if best is None or best.solution is None or best.objection:
            self._history.seems_nowhere()
            return Refinement(Status.REFUSED, reason=f"{reason}, nor with any place in the map")
        if self._map.near_doubled(best.solution.map_T_camera, _ROOM):
            self._history.seems_nowhere()
            return Refinement(Status.REFUSED, reason=f"{reason}; it agrees with several places in the map")
        frames = self._history.seems(best.solution.map_T_camera)
        reason = f"{reason}; {frames} of {self._config.confirmations} frames agree on another place"
        if frames < self._config.confirmations:
            return Refinement(Status.REFUSED, matches=len(best.rays), reason=reason)
        return self._accept(best, Status.RELOCATED, reason)
