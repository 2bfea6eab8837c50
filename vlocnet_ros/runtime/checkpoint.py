"""VLocNet++ checkpoints: weights, configuration, camera, classes, validation residuals and the card, in one file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from localization_common.camera import Camera
from localization_common.errors import CheckpointError, LocalizationError
from localization_common.files import tensor_files
from localization_common.files.configuration import from_dict, to_dict
from localization_common.files.network_weights import network_of
from localization_common.geometry.covariances import is_covariance
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.integrity.predicted_error import PredictedError
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty
from vlocnet_ros.runtime.scene_pose import UNSOLVED

KIND = "vlocnet"

Array = npt.NDArray[np.float64]


def _default_covariance() -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, np.diag([0.25**2] * 3 + [0.1**2] * 3).tolist()))


@dataclass(frozen=True)
class Residuals:
    """Errors of the network on validation frames, and the models that are fitted to them.

    Attributes:
        pose: (6, 6) second moments of the errors of single frames' poses, x y z rX rY rZ about the map's axes, metres
            and radians.
        motion: (6, 6) likewise of the odometry, about the previous optical frame's axes.
        frame_error: predicted error of a frame's own pose; None if it was not fitted, or is not better than the mean.
        uncertainty: covariance model of the consensus; None if it was not fitted.
        sharpness: sharpness of the least sharp frame (`integrity.frozen_camera.sharpness`).
        familiarity: least feature norm of an in-distribution frame (`integrity.out_of_distribution`); 0 if it was not
            measured.
        tracking: weights of the consensus, and limits of the integrity check.
    """

    pose: tuple[tuple[float, ...], ...] = field(default_factory=_default_covariance)
    motion: tuple[tuple[float, ...], ...] = field(default_factory=_default_covariance)
    frame_error: PredictedError | None = None
    uncertainty: Uncertainty | None = None
    sharpness: float = 0.0
    familiarity: float = 0.0
    tracking: TrackingConfig = field(default_factory=TrackingConfig)

    def __post_init__(self) -> None:
        for name, rows in (("pose", self.pose), ("motion", self.motion)):
            matrix = np.asarray(rows, dtype=np.float64)
            if matrix.shape != (6, 6) or not np.isfinite(matrix).all():
                raise CheckpointError(f"residuals: {name} is not a finite 6x6 matrix")
            if not is_covariance(matrix):
                raise CheckpointError(
                    f"residuals: {name} is no covariance: not symmetric, or a variance is negative or too large"
                )
        if not (math.isfinite(self.sharpness) and math.isfinite(self.familiarity)):
            raise CheckpointError(f"residuals: sharpness {self.sharpness} or familiarity {self.familiarity} not finite")

    def expected(self, features: npt.ArrayLike | None) -> Array:
        """Logarithms (2,) of the predicted errors for features (F,): zeros without a model."""
        if self.frame_error is None or features is None:
            return np.zeros(2)
        return self.frame_error.logarithms(features)


@dataclass(frozen=True)
class Description:
    """Everything that a network needs at run time, except its weights."""

    config: VLocNetConfig
    camera: Camera
    class_names: tuple[str, ...]
    residuals: Residuals
    card: dict[str, Any]

    @property
    def narrow_lenses(self) -> bool:
        """True if the training showed images as lenses with a narrower view show them (`AugmentationConfig.narrow`)."""
        augmentation = self.card.get("augmentation")
        narrow = augmentation.get("narrow", 0.0) if isinstance(augmentation, dict) else 0.0
        return isinstance(narrow, float) and narrow > 0.0

    def header(self) -> dict[str, Any]:
        """Header of a file, for JSON."""
        return {
            "config": to_dict(self.config),
            "camera": asdict(self.camera),
            "class_names": list(self.class_names),
            "residuals": to_dict(self.residuals),
            "card": self.card,
        }

    @classmethod
    def from_header(cls, header: Mapping[str, Any], path: str | Path) -> Description:
        """Read a header of this file.

        Raises:
            CheckpointError: it describes no network, or its parts contradict each other.
        """
        try:
            config = from_dict(VLocNetConfig, header["config"])
            camera = from_dict(Camera, header["camera"])
            residuals = _residuals(header["residuals"])
            class_names = from_dict(_Names, {"class_names": header["class_names"]}).class_names
            card = dict(header.get("card", {}))
        except (AttributeError, KeyError, TypeError, ValueError, LocalizationError) as error:
            raise CheckpointError(
                f"{path}: its header does not describe a VLocNet++ network ({error}); copy or train it again"
            ) from error
        if (camera.width, camera.height) != (config.width, config.height):
            raise CheckpointError(
                f"{path}: camera {camera.width}x{camera.height}, but network input {config.width}x{config.height}"
            )
        predicted = residuals.frame_error
        numbers = len(UNSOLVED) if config.tasks.coordinates else config.fc
        if predicted is not None and len(predicted.slopes[0]) != numbers:
            raise CheckpointError(
                f"{path}: predicted error of {len(predicted.slopes[0])} features, but the network gives {numbers}"
            )
        return cls(config, camera, class_names, residuals, card)


@dataclass(frozen=True)
class _Names:
    class_names: tuple[str, ...]


def _residuals(values: Mapping[str, Any]) -> Residuals:
    """Residuals of a header, of this version or an older one."""
    residuals = from_dict(Residuals, {k: v for k, v in values.items() if k != "consistency"})
    if "frame_error" in values:
        return residuals
    # Older versions published the tracked consensus, and the covariances were fitted to it.
    consensus = residuals.tracking.consensus
    tracking = replace(residuals.tracking, consensus=replace(consensus, recency=consensus.decay))
    return replace(residuals, tracking=tracking)


@dataclass(frozen=True)
class Checkpoint(Description):
    """A network with everything that it needs at run time."""

    network: VLocNet


def save_vlocnet(
    path: str | Path,
    network: VLocNet,
    *,
    camera: Camera | None = None,
    class_names: tuple[str, ...] = (),
    residuals: Residuals | None = None,
    card: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint. Parameters are stored in half precision; statistics and scales in full.

    Args:
        camera: camera of the network's input; by default one of 90 degrees, as in a new network. The network's
            intrinsics (for warping) are set to it.
        class_names: name of each class; numbers by default.
    """
    config = network.config
    camera = camera or Camera.from_field_of_view(config.width, config.height, 90.0)
    set_camera(network, camera)
    if config.tasks.segmentation and not class_names:
        class_names = tuple(f"class_{i}" for i in range(config.classes))
    parameters = {name for name, _ in network.named_parameters()}
    tensors = {n: t.half() if n in parameters else t for n, t in network.state_dict().items()}
    description = Description(config, camera, class_names, residuals or Residuals(), dict(card or {}))
    tensor_files.save(path, kind=KIND, tensors=tensors, header=description.header())


def load_vlocnet(path: str | Path) -> Checkpoint:
    """Read a checkpoint; the network is float32, on the CPU, in evaluation mode.

    Raises:
        CheckpointError: missing, damaged, foreign, or its weights do not fit its own configuration.
    """
    tensors, header = tensor_files.load(path, kind=KIND, mapped=True)
    description = Description.from_header(header, path)
    network = network_of(path, tensors, lambda: VLocNet(description.config))
    return Checkpoint(**vars(description), network=network)


def set_camera(network: VLocNet, camera: Camera) -> None:
    """Set the intrinsics of the network's input, which warping projects with."""
    if (camera.width, camera.height) != (network.config.width, network.config.height) or camera.distorted:
        raise CheckpointError(
            f"camera {camera.width}x{camera.height} (distorted: {camera.distorted}) is not the network input's: "
            f"{network.config.width}x{network.config.height} without distortion"
        )
    network.intrinsics.copy_(torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy]))
