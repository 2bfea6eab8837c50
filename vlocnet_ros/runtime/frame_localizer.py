"""What a node or an evaluation needs of a localizer, refining or not."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.grad_cam import Layer

Image = npt.NDArray[np.uint8]
Pixel = TypeVar("Pixel", bound=np.generic)


class FrameLocalizer(Protocol):
    """Frames in, estimates out; `Localizer` says what each method does and raises.

    Attributes:
        camera: what the network was trained with.
        class_names: of its labels.
        tasks: its streams.
    """

    camera: Camera
    class_names: tuple[str, ...]
    tasks: Tasks

    def set_camera(self, camera: Camera) -> None:
        """Say which camera the images come from."""

    def reset(self) -> None:
        """Forget the frames before."""

    def step(self, image: Image, stamp: int) -> Estimate:
        """Estimate for one frame."""

    @property
    def explains(self) -> bool:
        """Whether `explain` has something to say."""

    def explain(self, *, layer: Layer = "res5") -> npt.NDArray[np.float32]:
        """What in the last frame its pose hangs on."""

    def labels_in_image(self, labels: npt.NDArray[Pixel], fill: int = 255) -> npt.NDArray[Pixel]:
        """What an estimate says of pixels, in the camera's image."""
