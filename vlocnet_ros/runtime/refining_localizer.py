"""Localizer that refines the network's pose against a keyframe map; no ROS."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CameraError, ConfigError
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.pending_frame import FinishedFrame, PendingFrame
from localization_common.refinement.acceptance import Status
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.refiner import Guess, Refinement, Refiner
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.grad_cam import Layer

Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)

#: Factor of the covariance of scene coordinates: the errors of neighbouring cells are not independent.
_SOLVED = 25.0


class RefiningLocalizer:
    """Localizer whose poses are refined where the image confirms it, and are the network's elsewhere.

    Features are extracted beside the network, in a thread that ends with the localizer.

    Args:
        localizer: computes poses, their covariances and the odometry.
        refiner: refines the poses; no one else may use it.

    Attributes:
        refiner: refines the poses.
        obstacle: reason why no image of the present camera can be refined; empty if images can be refined.

    Raises:
        ConfigError: the network has no pose stream, so that there is nothing to refine.
    """

    def __init__(self, localizer: FrameLocalizer, refiner: Refiner) -> None:
        if not localizer.tasks.global_pose:
            raise ConfigError(
                f"a keyframe map refines poses, but the network's streams are {', '.join(localizer.tasks.names)}: "
                "leave the map away, or take a network with a pose stream"
            )
        self._localizer, self.refiner = localizer, refiner
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features")
        self.class_names, self.tasks = localizer.class_names, localizer.tasks
        self.obstacle = ""
        self._interrupted = False
        self._hints: tuple[Guess, ...] = ()

    @classmethod
    def with_map(cls, localizer: FrameLocalizer, path: str | Path) -> RefiningLocalizer:
        """Return a localizer that refines against the map in a file; see `KeyframeMap.load` for the errors."""
        return cls(localizer, Refiner(KeyframeMap.load(path)))

    def with_network(self, localizer: FrameLocalizer) -> RefiningLocalizer:
        """Return a localizer with another network, the same map and the same previous poses.

        Args:
            localizer: network with the same camera that has seen the last frame, so that a motion leads to the next.

        Raises:
            ConfigError: the network has no pose stream.
        """
        replaced = RefiningLocalizer(localizer, self.refiner)
        replaced.obstacle, replaced._interrupted = self.obstacle, self._interrupted
        return replaced

    def set_camera(self, camera: Camera) -> None:
        """Set the camera of the images to come, and drop the previous frames.

        A camera that shows too little detail for the map's features is an `obstacle`, not an error: the poses are the
        network's then.

        Raises:
            CameraError: the camera cannot show the network's field of view; the camera before stays.
        """
        self._localizer.set_camera(camera)
        try:
            self.refiner.set_camera(camera)
            self.obstacle = ""
        except CameraError as error:
            self.obstacle = str(error)

    def reset(self) -> None:
        """Drop the previous frames."""
        self._localizer.reset()
        self.refiner.reset()

    def hint(self, guess: Guess) -> None:
        """Search the next frame at the pose of another localizer, too; a wrong one does no harm."""
        self._hints = (guess,)

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame, as `Localizer.step`; its `refinement` shows if the pose is refined.

        Raises:
            CameraError, InputError: as `Localizer.step`; the refinement of the next frame uses no frame before.
        """
        return self.begin(image, stamp).finish()

    def begin(self, image: Image, stamp: int) -> PendingFrame[Estimate]:
        """Run the network; finishing the pending frame refines the pose, and may run beside the next `begin`.

        Every pending frame is finished before `set_camera` or `reset`.

        Raises:
            CameraError, InputError: as `step`; there is no pending frame then.
        """
        started = time.perf_counter()
        if self.obstacle:
            refused = Refinement(Status.REFUSED, reason=self.obstacle)
            return FinishedFrame(replace(self._localizer.step(image, stamp), refinement=refused))
        extraction = self._beside.submit(_extract, self.refiner, image)
        try:
            estimate = self._localizer.step(image, stamp)
        except Exception:
            extraction.exception()  # waits: the next frame's extraction needs the thread
            self._interrupted = True
            raise
        interrupted, self._interrupted = self._interrupted, False
        hints, self._hints = self._hints, ()
        network_ms = 1e3 * (time.perf_counter() - started)
        return _RefinedFrame(self.refiner, image, estimate, extraction, hints, network_ms, after_gap=interrupted)

    @property
    def view_share(self) -> float:
        """Share of the network's view that the camera shows, 0..1; 1 if it shows enough."""
        return self._localizer.view_share

    @property
    def explains(self) -> bool:
        """True if `explain` has a result for this network."""
        return self._localizer.explains

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """Grad-CAM heat map of the network's pose of the last frame; see `Localizer.explain`."""
        return self._localizer.explain(layer=layer)

    @property
    def labels_wanted(self) -> bool:
        """True if the network's labels are computed; see `Localizer`."""
        return self._localizer.labels_wanted

    @labels_wanted.setter
    def labels_wanted(self, wanted: bool) -> None:
        self._localizer.labels_wanted = wanted

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """Labels of an `Estimate`, in the camera's image; see `Localizer.labels_in_image`."""
        return self._localizer.labels_in_image(labels, fill)


@dataclass(frozen=True)
class _Extraction:
    """Features of an image, and the milliseconds that their extraction took."""

    features: Features
    milliseconds: float


def _extract(refiner: Refiner, image: Image) -> _Extraction:
    started = time.perf_counter()
    features = refiner.features(image)
    return _Extraction(features, 1e3 * (time.perf_counter() - started))


@dataclass(frozen=True)
class _RefinedFrame:
    """A frame whose network part is done; `finish` refines its pose.

    Attributes:
        refiner: refines the pose.
        image: (H, W, 3) uint8 RGB.
        estimate: result of the network.
        extraction: features of the image, which a thread extracts.
        hints: poses of another localizer.
        network_ms: milliseconds that the first part took.
        after_gap: the frame before was refused, so that no motion leads from it to this one.
    """

    refiner: Refiner
    image: Image
    estimate: Estimate
    extraction: Future[_Extraction]
    hints: tuple[Guess, ...]
    network_ms: float
    after_gap: bool

    def finish(self) -> Estimate:
        """Estimate with the refined pose, or with the network's where the image does not confirm one."""
        resumed = time.perf_counter()
        if self.after_gap:
            self.refiner.reset()
        extraction = self.extraction.result()
        extracted = time.perf_counter()
        refined = self._refined(extraction.features)
        finished = time.perf_counter()
        refined.timings.update(
            features=extraction.milliseconds,
            refine=1e3 * (finished - extracted),
            total=self.network_ms + 1e3 * (finished - resumed),
        )
        return refined

    def _refined(self, features: Features) -> Estimate:
        guesses, motion = guesses_of(self.estimate), motion_of(self.estimate)
        refinement = self.refiner.step(self.image, guesses, hints=self.hints, motion=motion, features=features)
        if refinement.map_T_camera is None or refinement.covariance is None:
            return replace(self.estimate, refinement=refinement)
        return replace(
            self.estimate,
            map_T_camera=refinement.map_T_camera,
            covariance=refinement.covariance,
            health=Health.OK,
            reason="",
            refinement=refinement,
        )


def guesses_of(estimate: Estimate) -> tuple[Guess, ...]:
    """Starts of a refinement: the network's own pose, unless it is lost; and that of the scene coordinates."""
    published = (Guess(estimate.map_T_camera, estimate.covariance),) if estimate.health.published else ()
    if estimate.solved is None:
        return published
    return (*published, Guess(estimate.solved.map_T_camera, _SOLVED * estimate.solved.covariance))


def motion_of(estimate: Estimate) -> Motion | None:
    """Motion of the camera since the previous frame, by the network's odometry; None on a first frame."""
    if estimate.previous_T_camera is None or estimate.motion_covariance is None:
        return None
    return Motion(estimate.previous_T_camera, estimate.motion_covariance)
