"""Mount of the camera on the robot, from TF, and the remedy if TF does not have it."""

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
    """Pose of the camera on the base at the time of each frame: the camera may sit on a moving joint.

    Args:
        transforms: TF.
        base_frame: name of the base frame.
        settings: returns the present parameters of the node; they name the camera frame if images do not.
        images: image topic, for messages to the user.
    """

    def __init__(
        self, transforms: Transforms, base_frame: BaseFrame, settings: Callable[[], NodeSettings], images: str
    ) -> None:
        self._transforms, self._base_frame, self._settings, self._images = transforms, base_frame, settings, images
        self._found = ""  # frame of the camera that TF joined to the base last

    def base_T_camera(self, frame: Frame, timeout: float = 0.0) -> Array:
        """Return the pose (4, 4) at the time of a frame; wait ``timeout`` seconds for it.

        Raises:
            TransformError: TF does not have it; the message names the missing frame and the remedy.
            InputError: the image has no frame_id.
        """
        camera = self._camera_frame(frame)
        base = self._base_frame.name(camera=camera)
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
        """Return True if the mount at the time of a frame is in TF, or if waiting cannot bring it."""
        try:
            camera = self._camera_frame(frame)
            base = self._base_frame.name(camera=camera)
            self._transforms.lookup(base, camera, frame.stamp)
        except TransformError:  # another camera is in TF and this one is not: no reason to wait
            placed = self._found != camera and self._transforms.connected(base, self._found)
            return placed and not self._transforms.connected(base, camera)
        except InputError:
            return True  # no frame_id: waiting changes nothing
        self._found = camera
        return True

    def _camera_frame(self, frame: Frame) -> str:
        camera = self._settings().camera_frame_id or frame.frame_id
        if not camera:
            raise InputError(f"images on {self._images} have no frame_id: set it in the driver, or set camera_frame_id")
        return camera
