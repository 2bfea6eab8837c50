"""Where the camera sits on the robot, from TF; and what to do where TF does not know it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.ros.base_frame import BaseFrame
from localization_common.ros.camera_feed import Frame
from localization_common.ros.settings import NodeSettings
from localization_common.ros.tf_advice import missing_mount
from localization_common.ros.tf_buffer import TransformError
from localization_common.ros.transforms import Transforms

Array = npt.NDArray[np.float64]


class CameraMount:
    """Pose of the camera on the base, at the time of each frame: it may sit on a joint that moves.

    Args:
        transforms: TF.
        base_frame: names the base.
        settings: the node's, at this moment: they name the camera where images do not.
        images: the image topic, for messages to the user.
    """

    def __init__(
        self, transforms: Transforms, base_frame: BaseFrame, settings: Callable[[], NodeSettings], images: str
    ) -> None:
        self._transforms, self._base_frame, self._settings, self._images = transforms, base_frame, settings, images
        self._found = ""  # frame of the camera that TF joined to the base last

    def base_T_camera(self, frame: Frame, timeout: float = 0.0) -> Array:
        """The pose (4, 4) at the time of a frame, within so many seconds.

        Raises:
            TransformError: unknown; says which frame is missing and what to do. InputError: the image does not say its
                frame.
        """
        camera = self._camera_frame(frame)
        base = self._base_frame.name(camera)
        try:
            return self._transforms.lookup(base, camera, frame.stamp, timeout)
        except TransformError:
            if self._transforms.connected(base, camera):
                raise
        named = bool(self._settings().camera_frame_id)
        source = "parameter camera_frame_id" if named else f"frame_id of the images on {self._images}"
        wanted, transforms = self._base_frame.wanted, self._transforms
        raise TransformError(missing_mount(wanted, camera, source, transforms.frames, transforms.graph))

    def known(self, frame: Frame) -> bool:
        """Whether there is an answer for a frame, or never will be."""
        try:
            camera = self._camera_frame(frame)
            base = self._base_frame.name(camera)
            self._transforms.lookup(base, camera, frame.stamp)
        except TransformError:  # beside a camera that has its place, one that has none is not worth waiting for
            placed = self._found != camera and self._transforms.connected(base, self._found)
            return placed and not self._transforms.connected(base, camera)
        except InputError:
            return True  # no frame_id: to wait changes nothing
        self._found = camera
        return True

    def _camera_frame(self, frame: Frame) -> str:
        camera = self._settings().camera_frame_id or frame.frame_id
        if not camera:
            raise InputError(f"images on {self._images} have no frame_id: set it in the driver, or set camera_frame_id")
        return camera
