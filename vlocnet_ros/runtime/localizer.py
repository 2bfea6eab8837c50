"""Localizer of camera frames: network, pose fusion and integrity checks, without ROS."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from localization_common.camera import Camera, CameraAdapter
from localization_common.camera.image_checks import require_usable
from localization_common.errors import CameraError, ConfigError, EstimateError, InputError
from localization_common.geometry import se3
from localization_common.pending_frame import FinishedFrame, PendingFrame
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.backends.backend import Backend, Features
from vlocnet_ros.runtime.backends.opening import open_backend
from vlocnet_ros.runtime.checkpoint import Description
from vlocnet_ros.runtime.direct_alignment import View
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_motion import FrameMotion
from vlocnet_ros.runtime.frame_pose import FramePose, frame_pose
from vlocnet_ros.runtime.grad_cam import Layer, explain
from vlocnet_ros.runtime.integrity.frozen_camera import FrozenCameraCheck
from vlocnet_ros.runtime.integrity.out_of_distribution import FrameKind, OutOfDistributionCheck
from vlocnet_ros.runtime.integrity.pose_fusion import FusedPose, PoseFusion
from vlocnet_ros.runtime.integrity.predicted_error import UNKNOWN
from vlocnet_ros.runtime.scene_pose import ScenePoseSolver

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)

#: Largest time between the frames of a pair (nanoseconds): the odometry stream was trained with smaller motions.
MAX_GAP = 1_000_000_000
#: A camera that delivers the same image for longer than this (nanoseconds) has stopped.
FROZEN_AFTER = 1_000_000_000


class _LastFrame(NamedTuple):
    stamp: int
    features: Features
    view: View | None
    estimate: Estimate


class Localizer:
    """Streaming VLocNet++: computes the features of each frame once, and keeps those of the previous one.

    Args:
        description: camera, classes and residuals of the network.
        backend: runs the network.
        fuse: estimate the consensus of the last frames; else each frame's own pose.
        frozen_after: nanoseconds for which the camera may deliver the same image; 0 for ever, for simulators without
            noise.
        max_gap: nanoseconds between frames beyond which the pair is dropped.

    Attributes:
        labels_wanted: compute the labels of the next frames, if the network has any; True at the start.
    """

    def __init__(
        self,
        description: Description,
        backend: Backend,
        *,
        fuse: bool = True,
        frozen_after: int = FROZEN_AFTER,
        max_gap: int = MAX_GAP,
    ) -> None:
        self._backend, self._max_gap = backend, max_gap
        self._residuals = description.residuals
        known = self._residuals
        self._fusion = PoseFusion(known.pose, known.uncertainty, known.tracking, fuse=fuse)
        self._frozen_camera = FrozenCameraCheck(frozen_after, known.sharpness)
        self._out_of_distribution = OutOfDistributionCheck(known.familiarity)
        self.camera: Camera = description.camera
        self._narrow_lenses = description.narrow_lenses
        self.class_names: tuple[str, ...] = description.class_names
        self.tasks: Tasks = description.config.tasks
        self.labels_wanted = True
        self._adapter: CameraAdapter | None = None
        self._solver = ScenePoseSolver(self.camera) if self.tasks.coordinates else None
        self._motion = FrameMotion(self.camera, description.config.alignment, backend.motion_prior)
        self._previous: _LastFrame | None = None
        self._before: Features | None = None  # features of the frame before the last one

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        *,
        backend: str | None = None,
        device: str = "cpu",
        half: bool = False,
        threads: int | None = None,
        fuse: bool = True,
        frozen_after: int = FROZEN_AFTER,
    ) -> Localizer:
        """Open a checkpoint; see `open_backend` for the other arguments and errors."""
        opened = open_backend(path, backend=backend, device=device, half=half, threads=threads)
        return cls(*opened, fuse=fuse, frozen_after=frozen_after)

    def set_camera(self, camera: Camera) -> None:
        """Set the camera of the images to come, and drop the frame pair.

        Raises:
            CameraError: the camera cannot show the network's field of view; the camera before stays.
        """
        self._adapter = CameraAdapter(camera, self.camera, partial=self._narrow_lenses)
        self.reset()

    def reset(self) -> None:
        """Drop the previous frames."""
        self._previous, self._before = None, None
        self._fusion.reset()
        self._frozen_camera.reset()
        self._out_of_distribution.reset()

    def begin(self, image: Image, stamp: int) -> PendingFrame[Estimate]:
        """Estimate for one frame, all of which is done at once; see `step`."""
        return FinishedFrame(self.step(image, stamp))

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame.

        Args:
            image: (H, W, 3) uint8 RGB of the camera of `set_camera`.
            stamp: nanoseconds. A stamp that does not increase, or a long gap, begins a new pair.

        Raises:
            CameraError: no camera yet, or the image has another size than the camera.
            InputError: the image cannot be used.
            EstimateError: a result of the network is not finite. In all cases the state does not change; but after a
                camera that had stopped, a new pair begins.
        """
        started = time.perf_counter()
        if self._adapter is None:
            raise CameraError("no camera is known yet: set_camera() comes before the first frame")
        adapted = require_usable(self._adapter(require_usable(image)))
        prepared = time.perf_counter()
        gap = self._previous is not None and not 0 < stamp - self._previous.stamp <= self._max_gap
        if gap or self._frozen_camera.recovers(adapted):
            self.reset()
        sharpness = self._frozen_camera.check(adapted, stamp)
        before = None if self._previous is None else self._previous.features
        features, prediction = self._backend.step(adapted, before, self.labels_wanted)
        _require_finite(prediction)
        inferred = time.perf_counter()
        view, last = self._motion.view(prediction), self._previous
        motion = None if last is None else self._motion.between(prediction, view, last.view)
        aligned = time.perf_counter()
        estimate = self._estimate(stamp, prediction, motion, sharpness)
        self._before = features if before is None else before
        self._previous = _LastFrame(stamp, features, view, estimate)
        finished = time.perf_counter()
        estimate.timings.update(
            prepare=1e3 * (prepared - started),
            network=1e3 * (inferred - prepared),
            align=1e3 * (aligned - inferred),
            finish=1e3 * (finished - aligned),
            total=1e3 * (finished - started),
        )
        return estimate

    @property
    def backend_name(self) -> str:
        """Library that runs the network; with the times of those that were measured, if it was chosen by them."""
        return self._backend.name

    @property
    def view_share(self) -> float:
        """Share of the network's view that the camera shows, 0..1; 1 if it shows enough, or without a camera."""
        return self._adapter.coverage if self._adapter is not None and self._adapter.partial else 1.0

    @property
    def explains(self) -> bool:
        """True if `explain` has a result for this network."""
        return self.tasks.pose and self._backend.network is not None

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """Grad-CAM heat map of the last frame's pose (see `grad_cam.explain`); later estimates do not change.

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
        return explain(self._backend.network, self._previous.features, self._before, layer=layer)[0].cpu().numpy()

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """Labels (h, w) of an `Estimate`, at the size and in the geometry of the camera's images.

        Pixels outside of the network's field of view are ``fill``.
        """
        if self._adapter is None:
            raise CameraError("no camera is known yet: set_camera() comes first")
        return self._adapter.back(labels, fill)

    def _estimate(self, stamp: int, prediction: Prediction, motion: Array | None, sharpness: float) -> Estimate:
        motion_covariance = None if motion is None else np.asarray(self._residuals.motion)
        before = np.eye(4) if self._previous is None else self._previous.estimate.map_T_camera
        frame = frame_pose(prediction, self._solver, before)
        pose = frame.map_T_camera
        fused = self._dead_reckoning(motion) if pose is None else self._fused(frame, pose, motion, stamp)
        covariance = fused.covariance
        if prediction.pose_covariance is not None:
            # Variance over the weights for this frame; the error that all of them share is in the residuals.
            covariance = covariance + prediction.pose_covariance[0].double().numpy()
        labels, confidence = _labels(prediction) if self.labels_wanted else (None, None)
        return Estimate(
            stamp=stamp,
            map_T_camera=fused.pose,
            covariance=covariance,
            previous_T_camera=motion,
            motion_covariance=motion_covariance,
            regressed_T_camera=pose,
            solved=frame.solved,
            evidence=fused.evidence,
            pose_features=frame.pose_features,
            error_features=frame.error_features,
            labels=labels,
            label_confidence=confidence,
            consistency=None if pose is None else self._consistency(pose, motion),
            sharpness=sharpness,
            health=fused.health,
            reason=fused.reason,
        )

    def _fused(self, frame: FramePose, pose: Array, motion: Array | None, stamp: int) -> FusedPose:
        """Fuse the pose of a frame, unless the frame is out of distribution."""
        kind, reason = self._out_of_distribution.step(frame.pose_features)
        if kind is FrameKind.IN_DISTRIBUTION and frame.obstacle:
            kind, reason = FrameKind.SUSPECT, frame.obstacle
        if kind is FrameKind.OUT_OF_DISTRIBUTION:
            self._fusion.reset()  # the motion of the camera since then is unknown
        suspect = kind is FrameKind.SUSPECT
        expected = np.full(2, UNKNOWN) if suspect else self._residuals.expected(frame.error_features)
        fused = self._fusion.step(pose, motion, stamp, expected)
        if kind is FrameKind.IN_DISTRIBUTION:
            return fused
        health = Health.LOST if kind is FrameKind.OUT_OF_DISTRIBUTION else Health.SKIPPED
        return fused._replace(health=health, reason=reason)

    def _dead_reckoning(self, motion: Array | None) -> FusedPose:
        """Pose of a network without pose stream: the integrated odometry, with its covariance."""
        if self._previous is None or motion is None:
            return FusedPose(np.eye(4), np.zeros((6, 6)), None, Health.OK, "")
        before = self._previous.estimate
        rotation = np.kron(np.eye(2), before.map_T_camera[:3, :3])
        covariance = before.covariance + rotation @ np.asarray(self._residuals.motion) @ rotation.T
        return FusedPose(before.map_T_camera @ motion, covariance, None, Health.OK, "")

    def _consistency(self, pose: Array, motion: Array | None) -> tuple[float, float] | None:
        """Geometric consistency at run time: difference of the poses against the odometry, in metres and radians."""
        before = None if self._previous is None else self._previous.estimate.regressed_T_camera
        if motion is None or before is None:
            return None
        disagreement = se3.inverse(motion) @ se3.inverse(before) @ pose
        return float(np.linalg.norm(disagreement[:3, 3])), float(se3.rotation_angle(disagreement[:3, :3]))


def _labels(prediction: Prediction) -> tuple[Image | None, Image | None]:
    if prediction.logits is None:
        return None, None
    logits = prediction.logits[0]
    best, labels = logits.max(dim=0)
    confidence = 1.0 / torch.exp_(logits - best).sum(dim=0)  # the softmax of the best class
    return labels.to(torch.uint8).numpy(), (confidence * 255.0).round().to(torch.uint8).numpy()


def _require_finite(prediction: Prediction) -> None:
    """Refuse results that would make the consensus of all later frames NaN, too.

    Raises:
        EstimateError: a number is NaN or infinite.
    """
    for name, tensor in prediction._asdict().items():
        # a sum is faster, and finite only if all numbers are
        if tensor is not None and not (torch.isfinite(tensor.sum()) or torch.isfinite(tensor).all()):
            raise EstimateError(
                f"{name} of the network holds NaN or infinity, and nothing of this image is published: if this stays, "
                "its weights are damaged or too large for half precision; set half to false or take another checkpoint"
            )
