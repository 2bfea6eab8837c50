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
from vlocnet_ros.checkpoint import Checkpoint, load_vlocnet
from vlocnet_ros.config import Tasks
from vlocnet_ros.estimate import Estimate, Health
from vlocnet_ros.explanation import Layer, explain
from vlocnet_ros.network.vlocnetpp import FrameFeatures, Prediction

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
        checkpoint: network, camera and residuals.
        device: torch device.
        half: half precision (float16 on a GPU, bfloat16 on a CPU); regression ends stay in float32.
        threads: of torch on the CPU, for the whole process; None leaves it alone.
        max_gap: nanoseconds between frames beyond which the pair is dropped.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: str = "cpu",
        half: bool = False,
        threads: int | None = None,
        max_gap: int = MAX_GAP,
    ) -> None:
        if threads is not None:
            if threads < 1:
                raise ConfigError(f"threads: {threads} must be at least 1")
            torch.set_num_threads(threads)
        try:
            self._device = torch.device(device)
            self._network = checkpoint.network.to(self._device, memory_format=torch.channels_last).eval()
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(f"device: {device!r} cannot be used ({str(error).splitlines()[0]})") from error
        self._dtype = torch.float16 if self._device.type == "cuda" else torch.bfloat16
        self._half, self._max_gap = half, max_gap
        self._residuals = checkpoint.residuals
        self.camera: Camera = checkpoint.camera
        self.class_names: tuple[str, ...] = checkpoint.class_names
        self.tasks: Tasks = checkpoint.network.config.tasks
        self._adapter: CameraAdapter | None = None
        self._previous: tuple[int, FrameFeatures, Array, Array] | None = None
        self._before: FrameFeatures | None = None  # what the last frame was decoded with

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, *, device: str = "cpu", half: bool = False, threads: int | None = None
    ) -> Localizer:
        """Localizer of a checkpoint file.

        Raises:
            CheckpointError: the file is missing, damaged or foreign.
            ConfigError: the device cannot be used.
        """
        return cls(load_vlocnet(path), device=device, half=half, threads=threads)

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
        features, prediction = self._infer(adapted)
        inferred = time.perf_counter()
        estimate = self._estimate(stamp, prediction)
        self._before = features if self._previous is None else self._previous[1]
        self._previous = (stamp, features, estimate.map_T_camera, estimate.covariance)
        finished = time.perf_counter()
        estimate.timings.update(
            prepare=1e3 * (prepared - started),
            network=1e3 * (inferred - prepared),
            finish=1e3 * (finished - inferred),
            total=1e3 * (finished - started),
        )
        return estimate

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """What in the last frame its pose hangs on (see `explanation.explain`); estimates to come stay as they are.

        Returns:
            (h, w) in 0..1 at the network's resolution; `labels_in_image` with ``fill=0`` takes it to the image.

        Raises:
            ConfigError: the network has no pose stream, or no such block.
            InputError: there is no last frame.
        """
        if self._previous is None or self._before is None:
            raise InputError("no frame to explain yet: step() comes before explain()")
        return explain(self._network, self._previous[1], self._before, layer=layer)[0].cpu().numpy()

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """What an `Estimate` says of pixels (h, w), at the size and in the geometry of the camera's images.

        Where the network does not see, ``fill``.
        """
        if self._adapter is None:
            raise CameraError("no camera is known yet: set_camera() comes first")
        return self._adapter.back(labels, fill)

    @torch.inference_mode()
    def _infer(self, image: Image) -> tuple[FrameFeatures, Prediction]:
        tensor = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1)[None].float() / 255.0
        with torch.autocast(self._device.type, self._dtype, enabled=self._half):
            features = self._network.encode(tensor)
            prediction = self._network.decode(features, features if self._previous is None else self._previous[1])
        on_cpu = (None if t is None else t.float().cpu() for t in prediction)
        return features, Prediction(*on_cpu)

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
