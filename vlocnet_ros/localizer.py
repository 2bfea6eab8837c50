"""Frames in, estimates out: the network with its state and its honesty, without ROS."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from localization_common.camera import Camera, CameraAdapter
from localization_common.errors import CameraError, ConfigError, InputError
from localization_common.geometry import se3
from localization_common.images import require_usable
from vlocnet_ros.backends.backend import Backend, Features
from vlocnet_ros.backends.opening import AUTO, open_backend
from vlocnet_ros.checkpoint import Description
from vlocnet_ros.config import Tasks
from vlocnet_ros.estimate import Estimate, Health
from vlocnet_ros.explanation import Layer, explain
from vlocnet_ros.network.vlocnetpp import Prediction

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)

#: Frames further apart than this (nanoseconds) are no pair: the odometry stream has never seen such a motion.
MAX_GAP = 1_000_000_000
#: Multiples of the usual (95 %) inconsistency on validation frames beyond which a pose is uncertain, or lost.
UNCERTAIN, LOST = 2.0, 5.0


class Localizer:
    """Streaming VLocNet++: keeps the features of the previous frame, computes each frame's once.

    Args:
        description: camera, classes and residuals of the network.
        backend: runs it.
        max_gap: nanoseconds between frames beyond which the pair is dropped.
    """

    def __init__(self, description: Description, backend: Backend, *, max_gap: int = MAX_GAP) -> None:
        self._backend, self._max_gap = backend, max_gap
        self._residuals = description.residuals
        self.camera: Camera = description.camera
        self.class_names: tuple[str, ...] = description.class_names
        self.tasks: Tasks = description.config.tasks
        self._adapter: CameraAdapter | None = None
        self._previous: tuple[int, Features, Array, Array] | None = None
        self._before: Features | None = None  # what the last frame was decoded with

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        *,
        backend: str = AUTO,
        device: str = "cpu",
        half: bool = False,
        threads: int | None = None,
    ) -> Localizer:
        """Localizer of a file; see `open_backend` for the arguments and errors."""
        return cls(*open_backend(path, backend=backend, device=device, half=half, threads=threads))

    def set_camera(self, camera: Camera) -> None:
        """Say which camera the images come from; drops the frame pair.

        Raises:
            CameraError: it cannot show what the network was trained with; the camera before stays.
        """
        self._adapter = CameraAdapter(camera, self.camera)
        self.reset()

    def reset(self) -> None:
        """Forget the previous frame."""
        self._previous, self._before = None, None

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame.

        Args:
            image: (H, W, 3) uint8 RGB of the camera told to `set_camera`.
            stamp: nanoseconds. One that does not increase, or a long gap, begins a new pair.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
            InputError: the image cannot be used. In both cases the state is as before.
        """
        started = time.perf_counter()
        if self._adapter is None:
            raise CameraError("no camera is known yet: set_camera() comes before the first frame")
        adapted = require_usable(self._adapter(require_usable(image)))
        prepared = time.perf_counter()
        if self._previous is not None and not 0 < stamp - self._previous[0] <= self._max_gap:
            self.reset()
        before = None if self._previous is None else self._previous[1]
        features, prediction = self._backend.step(adapted, before)
        inferred = time.perf_counter()
        estimate = self._estimate(stamp, prediction)
        self._before = features if before is None else before
        self._previous = (stamp, features, estimate.map_T_camera, estimate.covariance)
        finished = time.perf_counter()
        estimate.timings.update(
            prepare=1e3 * (prepared - started),
            network=1e3 * (inferred - prepared),
            finish=1e3 * (finished - inferred),
            total=1e3 * (finished - started),
        )
        return estimate

    @property
    def explains(self) -> bool:
        """Whether `explain` has something to say about this network."""
        return self.tasks.pose and self._backend.network is not None

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """What in the last frame its pose hangs on (see `explanation.explain`); estimates to come stay as they are.

        Returns:
            (h, w) in 0..1 at the network's resolution; `labels_in_image` with ``fill=0`` takes it to the image.

        Raises:
            ConfigError: the network has no pose stream, or no such block, or only its results can be had (ONNX).
            InputError: there is no last frame.
        """
        if self._backend.network is None:
            raise ConfigError("an exported network gives no gradients to explain with; take backend torch")
        if self._previous is None or self._before is None:
            raise InputError("no frame to explain yet: step() comes before explain()")
        return explain(self._backend.network, self._previous[1], self._before, layer=layer)[0].cpu().numpy()

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """What an `Estimate` says of pixels (h, w), at the size and in the geometry of the camera's images.

        Where the network does not see, ``fill``.
        """
        if self._adapter is None:
            raise CameraError("no camera is known yet: set_camera() comes first")
        return self._adapter.back(labels, fill)

    def _estimate(self, stamp: int, prediction: Prediction) -> Estimate:
        motion = None
        if self._previous is not None:
            motion = _transform(prediction.relative_translation, prediction.relative_quaternion)
        motion_covariance = None if motion is None else np.asarray(self._residuals.motion)
        pose = _transform(prediction.translation, prediction.quaternion)
        if pose is None:
            pose, covariance, health, reason, consistency = *self._dead_reckoning(motion), Health.OK, "", None
        else:
            consistency = self._consistency(pose, motion)
            covariance, health, reason = self._judge(consistency)
            if prediction.pose_covariance is not None:
                # How unsure the weights are of this frame; what all of them get wrong alike only the residuals know.
                covariance = covariance + prediction.pose_covariance[0].double().numpy()
        labels, confidence = _labels(prediction)
        return Estimate(
            stamp=stamp,
            map_T_camera=pose,
            covariance=covariance,
            previous_T_camera=motion,
            motion_covariance=motion_covariance,
            labels=labels,
            label_confidence=confidence,
            consistency=consistency,
            health=health,
            reason=reason,
        )

    def _dead_reckoning(self, motion: Array | None) -> tuple[Array, Array]:
        """A network without pose stream: odometry added up from where the pair began, its covariance too."""
        if self._previous is None or motion is None:
            return np.eye(4), np.zeros((6, 6))
        _, _, before, covariance = self._previous
        rotation = np.kron(np.eye(2), before[:3, :3])
        return before @ motion, covariance + rotation @ np.asarray(self._residuals.motion) @ rotation.T

    def _consistency(self, pose: Array, motion: Array | None) -> tuple[float, float] | None:
        """The geometric consistency loss, at run time: difference of poses against odometry, in metres and radians."""
        if motion is None or self._previous is None:
            return None
        disagreement = se3.inverse(motion) @ se3.inverse(self._previous[2]) @ pose
        return float(np.linalg.norm(disagreement[:3, 3])), float(se3.rotation_angle(disagreement[:3, :3]))

    def _judge(self, consistency: tuple[float, float] | None) -> tuple[Array, Health, str]:
        """Covariance, grown with the inconsistency, and whether the pose may be trusted."""
        covariance = np.asarray(self._residuals.pose)
        if consistency is None:
            return covariance, Health.OK, ""
        usual = self._residuals.consistency
        ratio = max(consistency[0] / usual[0], consistency[1] / usual[1])
        covariance = covariance * max(1.0, ratio) ** 2
        if ratio <= UNCERTAIN:
            return covariance, Health.OK, ""
        reason = (
            f"poses moved {consistency[0]:.2f} m and {np.degrees(consistency[1]):.1f} deg away from the odometry "
            f"between them; usual are up to {usual[0]:.2f} m and {np.degrees(usual[1]):.1f} deg"
        )
        return covariance, Health.LOST if ratio > LOST else Health.UNCERTAIN, reason


def _transform(translation: torch.Tensor | None, quaternion: torch.Tensor | None) -> Array | None:
    if translation is None or quaternion is None:
        return None
    return se3.from_parts(translation[0].double().numpy(), quaternion[0].double().numpy())


def _labels(prediction: Prediction) -> tuple[Image | None, Image | None]:
    if prediction.logits is None:
        return None, None
    confidence, labels = torch.softmax(prediction.logits[0], dim=0).max(dim=0)
    return labels.to(torch.uint8).numpy(), (confidence * 255.0).round().to(torch.uint8).numpy()
