"""The network's pose, refined against a keyframe map: behind the interface of `Localizer`, without ROS."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CameraError, ConfigError
from vlocnet_ros.keyframes.features import Features
from vlocnet_ros.keyframes.keyframe_map import KeyframeMap
from vlocnet_ros.refinement.acceptance import Status
from vlocnet_ros.refinement.motion_history import Motion
from vlocnet_ros.refinement.refiner import Guess, Refinement, Refiner
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.grad_cam import Layer

Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)


class RefiningLocalizer:
    """A localizer whose poses are refined where the image confirms it, and its own where not.

    Features are extracted beside the network, in a thread that ends with the localizer.

    Args:
        localizer: gives poses, their covariances and the odometry.
        refiner: refines them; nobody else may use it.

    Attributes:
        obstacle: why no image of the present camera can be refined; empty if they can.

    Raises:
        ConfigError: the network has no pose stream, so that there is nothing to refine.
    """

    def __init__(self, localizer: FrameLocalizer, refiner: Refiner) -> None:
        if not localizer.tasks.pose:
            raise ConfigError(
                f"a keyframe map refines poses, but the network's streams are {', '.join(localizer.tasks.names)}: "
                "leave the map away, or take a network with a pose stream"
            )
        self._localizer, self._refiner = localizer, refiner
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="features")
        self.camera, self.class_names, self.tasks = localizer.camera, localizer.class_names, localizer.tasks
        self.obstacle = ""
        self._interrupted = False

    @classmethod
    def with_map(cls, localizer: FrameLocalizer, path: str | Path) -> RefiningLocalizer:
        """Refines against the map in a file; see `KeyframeMap.load` for the errors."""
        return cls(localizer, Refiner(KeyframeMap.load(path)))

    def set_camera(self, camera: Camera) -> None:
        """Say which camera the images come from; drops the frames before.

        One that shows too little detail for the map's features is an `obstacle`, no error: the network's own poses go
        on.

        Raises:
            CameraError: it cannot show what the network was trained with; the camera before stays.
        """
        self._localizer.set_camera(camera)
        try:
            self._refiner.set_camera(camera)
            self.obstacle = ""
        except CameraError as error:
            self.obstacle = str(error)

    def reset(self) -> None:
        """Forget the frames before."""
        self._localizer.reset()
        self._refiner.reset()

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame, as `Localizer.step`; its `refinement` says whether the pose is refined.

        Raises:
            CameraError, InputError: as `Localizer.step`; the frames before lead the refinement no further.
        """
        return self.begin(image, stamp)()

    def begin(self, image: Image, stamp: int) -> Callable[[], Estimate]:
        """The network's part of a step; what it answers does the rest, and may run beside the next frame's `begin`.

        The rest of each frame is called once, in the order of the frames, and before `set_camera` or `reset`.

        Raises:
            CameraError, InputError: as `step`; there is no rest then.
        """
        started = time.perf_counter()
        if self.obstacle:
            refused = Refinement(Status.REFUSED, reason=self.obstacle)
            estimate = replace(self._localizer.step(image, stamp), refinement=refused)
            return lambda: estimate
        extraction = self._beside.submit(self._extract, image)
        try:
            estimate = self._localizer.step(image, stamp)
        except Exception:
            extraction.exception()  # of this image, nothing counts
            self._interrupted = True
            raise
        interrupted, self._interrupted = self._interrupted, False
        begun_ms = 1e3 * (time.perf_counter() - started)

        def rest() -> Estimate:
            resumed = time.perf_counter()
            if interrupted:
                self._refiner.reset()
            features, extract_ms = extraction.result()
            extracted = time.perf_counter()
            refined = self._refine(image, estimate, features)
            finished = time.perf_counter()
            refined.timings.update(
                features=extract_ms,
                refine=1e3 * (finished - extracted),
                total=begun_ms + 1e3 * (finished - resumed),
            )
            return refined

        return rest

    @property
    def explains(self) -> bool:
        """Whether `explain` has something to say about this network."""
        return self._localizer.explains

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """What in the last frame the network's own pose hangs on; see `Localizer.explain`."""
        return self._localizer.explain(layer=layer)

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """What an `Estimate` says of pixels, in the camera's image; see `Localizer.labels_in_image`."""
        return self._localizer.labels_in_image(labels, fill)

    def _extract(self, image: Image) -> tuple[Features, float]:
        """Features of an image, and the milliseconds that they took."""
        started = time.perf_counter()
        return self._refiner.features(image), 1e3 * (time.perf_counter() - started)

    def _refine(self, image: Image, estimate: Estimate, features: Features) -> Estimate:
        refinement = self._refiner.step(image, guesses_of(estimate), motion=motion_of(estimate), features=features)
        if refinement.map_T_camera is None or refinement.covariance is None:
            return replace(estimate, refinement=refinement)
        return replace(
            estimate,
            map_T_camera=refinement.map_T_camera,
            covariance=refinement.covariance,
            health=Health.OK,
            reason="",
            refinement=refinement,
        )


def guesses_of(estimate: Estimate) -> tuple[Guess, ...]:
    """Where a refinement begins: the network's own pose, unless it is lost."""
    return (Guess(estimate.map_T_camera, estimate.covariance),) if estimate.health.published else ()


def motion_of(estimate: Estimate) -> Motion | None:
    """How the camera moved since the frame before, by the network's odometry; None on a first frame."""
    if estimate.previous_T_camera is None or estimate.motion_covariance is None:
        return None
    return Motion(estimate.previous_T_camera, estimate.motion_covariance)
