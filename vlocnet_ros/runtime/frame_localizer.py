"""Interface of a localizer for nodes and evaluations, with a network, a keyframe map or both."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.pending_frame import PendingFrame
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.grad_cam import Layer

Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)


class FrameLocalizer(Protocol):
    """Localizer of camera frames; `Localizer` documents each method and its errors.

    Attributes:
        class_names: names of the network's classes.
        tasks: streams of the results.
        labels_wanted: compute labels, see `Localizer`.
    """

    class_names: tuple[str, ...]
    tasks: Tasks
    labels_wanted: bool

    def set_camera(self, camera: Camera) -> None:
        """Set the camera of the images to come."""

    def reset(self) -> None:
        """Drop the previous frames."""

    def begin(self, image: Image, stamp: int) -> PendingFrame[Estimate]:
        """Begin one frame."""

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame."""

    @property
    def view_share(self) -> float:
        """Share of the network's view that the camera shows, 0..1; 1 if it shows enough, or without a network."""

    @property
    def explains(self) -> bool:
        """True if `explain` has a result for this network."""

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """Grad-CAM heat map of the last frame's pose."""

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """Labels of an estimate, in the camera's image."""
