"""Localizer without a network: poses from a keyframe map, motions from the robot's odometry; no ROS."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.camera.image_checks import require_usable
from localization_common.errors import ConfigError
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.pending_frame import PendingFrame
from localization_common.refinement.refiner import Guess, Refinement, Refiner
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.camera_motion import CameraMotion, CameraStep, Odometry
from vlocnet_ros.runtime.dead_reckoning import DeadReckoning, ReckoningConfig
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.grad_cam import Layer
from vlocnet_ros.runtime.integrity.frozen_camera import FrozenCameraCheck
from vlocnet_ros.runtime.localizer import FROZEN_AFTER

Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)


class KeyframeLocalizer:
    """Localizer for a place that no network was trained in.

    It is lost until several frames agree on one place. Then it publishes the pose of each frame that the map confirms.
    Between those, the odometry carries the pose on with a growing covariance, within the limits of `ReckoningConfig`.
    A frame that agrees with another place is skipped until others confirm it.

    Args:
        refiner: finds the poses; no one else may use it.
        odometry: odometry of the robot. Without it, a pose is carried on for a fraction of a second only.
        frozen_after: nanoseconds for which the camera may deliver the same image; 0 for ever.
        reckoning: limits of dead reckoning.
    """

    def __init__(
        self,
        refiner: Refiner,
        odometry: Odometry | None = None,
        *,
        frozen_after: int = FROZEN_AFTER,
        reckoning: ReckoningConfig | None = None,
    ) -> None:
        self.refiner = refiner
        self.class_names: tuple[str, ...] = ()
        self.labels_wanted = False
        self.tasks = Tasks(pose=True, odometry=False, segmentation=False, depth=False)
        self._motion, self._reckoning = CameraMotion(odometry), DeadReckoning(reckoning)
        self._frozen_camera = FrozenCameraCheck(frozen_after)
        self._hints: tuple[Guess, ...] = ()

    @classmethod
    def with_map(cls, path: str | Path, odometry: Odometry | None = None) -> KeyframeLocalizer:
        """Return a localizer with the map in a file; see `KeyframeMap.load` for the errors."""
        return cls(Refiner(KeyframeMap.load(path)), odometry)

    def set_camera(self, camera: Camera) -> None:
        """Set the camera of the images to come, and forget the previous frames.

        Raises:
            CameraError: the camera shows too little detail for the map's features; the camera before stays.
        """
        self.refiner.set_camera(camera)
        self.reset()

    def reset(self) -> None:
        """Forget the previous frames: the localizer is lost."""
        self.refiner.reset()
        self._motion.reset()
        self._reckoning.reset()
        self._frozen_camera.reset()

    def hint(self, guess: Guess) -> None:
        """Search the next frame at the pose of another localizer, too; a wrong one does no harm."""
        self._hints = (guess,)

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame; see `begin`."""
        return self.begin(image, stamp).finish()

    def begin(self, image: Image, stamp: int) -> PendingFrame[Estimate]:
        """Extract the features of an image; finishing the pending frame finds its pose beside the next `begin`.

        Every pending frame is finished before `set_camera` or `reset`.

        Args:
            image: (H, W, 3) uint8 RGB of the camera of `set_camera`.
            stamp: nanoseconds.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
            InputError: the image cannot be used. In both cases the pose of the previous frames is kept.
        """
        started = time.perf_counter()
        sharpness = self._frozen_camera.check(require_usable(image), stamp)
        features = self.refiner.features(image)
        hints, self._hints = self._hints, ()
        step = self._motion.step(stamp)
        spent = 1e3 * (time.perf_counter() - started)
        return _KeyframeFrame(self.refiner, self._reckoning, image, stamp, sharpness, features, step, hints, spent)

    @property
    def view_share(self) -> float:
        """Return 1: there is no network whose view the camera could miss."""
        return 1.0

    @property
    def explains(self) -> bool:
        """False: there is no network to explain."""
        return False

    def explain(self, *, layer: Layer = "res5") -> NoReturn:
        """Refuse.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"no network, so that there is no heat map of {layer}: give a checkpoint")

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> NoReturn:
        """Refuse.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"no network, so that there are no labels ({labels.shape}, {fill}): give a checkpoint")


@dataclass(frozen=True)
class _KeyframeFrame:
    """A frame whose features are extracted; `finish` finds its pose.

    Attributes:
        refiner: finds the pose.
        reckoning: carries the pose on if it is not found.
        image: (H, W, 3) uint8 RGB.
        stamp: nanoseconds.
        sharpness: sharpness of the image.
        features: features of the image.
        step: motion since the previous frame.
        hints: poses of another localizer.
        spent_ms: milliseconds that the first part took.
    """

    refiner: Refiner
    reckoning: DeadReckoning
    image: Image
    stamp: int
    sharpness: float
    features: Features
    step: CameraStep
    hints: tuple[Guess, ...]
    spent_ms: float

    def finish(self) -> Estimate:
        """Estimate with the pose that the map confirms, or with the one that the odometry gives."""
        resumed, motion = time.perf_counter(), self.step.motion
        self.reckoning.move(self.step)
        refinement = self.refiner.step(self.image, (), hints=self.hints, motion=motion, features=self.features)
        if refinement.map_T_camera is not None and refinement.covariance is not None:
            self.reckoning.confirm(refinement.map_T_camera, refinement.covariance, self.stamp)
        estimate = self._estimate(refinement)
        refine = 1e3 * (time.perf_counter() - resumed)
        estimate.timings.update(features=self.spent_ms, refine=refine, total=self.spent_ms + refine)
        return estimate

    def _estimate(self, refinement: Refinement) -> Estimate:
        reckoned = self.reckoning.at(self.stamp)
        health, reason = reckoned.health, reckoned.reason
        if refinement.contradicts and health.published:
            health, reason = Health.SKIPPED, refinement.reason
        elif reason:
            reason = f"{reason}; {refinement.reason}"
        known = self.step.motion if self.step.measured else None
        return Estimate(
            stamp=self.stamp,
            map_T_camera=reckoned.map_T_camera,
            covariance=reckoned.covariance,
            previous_T_camera=None if known is None else known.previous_T_camera,
            motion_covariance=None if known is None else known.covariance,
            sharpness=self.sharpness,
            health=health,
            reason=reason,
            refinement=refinement,
        )
