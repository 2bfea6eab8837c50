"""Camera on the base: images are rotated upright by its mount in TF, which is compared with the mount in the map."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dmn_ros.map.planar_mount import conflict, mount_of
from dmn_ros.runtime.localizer import Localizer
from localization_common.camera import Camera
from localization_common.errors import LocalizationError
from localization_common.geometry import se3
from localization_common.ros.camera_feed import Frame
from localization_common.ros.camera_mount import CameraMount
from localization_common.ros.monitor import Level, Monitor

Array = npt.NDArray[np.float64]

#: Change of the mount's rotation, radians, after which images are adapted anew.
_TURNED = float(np.radians(0.5))


class MountedCamera:
    """Camera of the images and its mount, for the localizer of the dmn node.

    Args:
        camera: intrinsics. It counts as level until TF has its mount.
        mount: TF.
        monitor: warns if the camera shows little, or has another mount than that of the map.

    Raises:
        CameraError: its field of view is smaller than that of the network's training.
    """

    def __init__(self, camera: Camera, mount: CameraMount, monitor: Monitor, localizer: Localizer) -> None:
        self._camera, self._mount, self._monitor, self._localizer = camera, mount, monitor, localizer
        self._adapt(se3.BODY_R_OPTICAL)

    def follow(self, frame: Frame) -> None:
        """Adapt the images to the mount at the time of a frame; nothing changes where TF does not have it."""
        if not self._mount.known(frame):
            return
        try:
            base_T_camera = self._mount.base_T_camera(frame)
        except LocalizationError:
            return
        if se3.rotation_angle(self._turned.T @ base_T_camera[:3, :3]) > _TURNED:
            self._adapt(base_T_camera[:3, :3])
        self._compare(base_T_camera)

    def _adapt(self, base_R_camera: Array) -> None:
        self._localizer.set_camera(self._camera, base_R_camera)
        self._turned = base_R_camera
        if (share := self._localizer.view_share) < 1.0:
            text = f"the camera shows {share:.0%} of the network's view: poses are less accurate"
            self._monitor.problem("view", Level.WARN, text)
        else:
            self._monitor.solved("view")

    def _compare(self, base_T_camera: Array) -> None:
        """Warn if the map's robot had another mount; the localizer uses the map's."""
        if wrong := conflict(self._localizer.context_map.mount, mount_of(base_T_camera)):
            self._monitor.problem("mount", Level.WARN, f"{wrong}: make a map with this robot, or mend TF")
        else:
            self._monitor.solved("mount")
