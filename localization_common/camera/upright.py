"""Rotation of a tilted camera's images upright, as a level camera at the same place shows them.

Two cameras with one centre see the same rays, so that a rotation maps the image of one to that of the other, without
any depth. A planar pose describes a level camera. A tilted camera fits it with the roll and pitch from TF or an IMU.
"""

from __future__ import annotations

import numpy as np

from localization_common.camera.adapter import CameraAdapter
from localization_common.camera.intrinsics import Array, Camera
from localization_common.geometry import se3

#: Largest angle, radians, of a camera that counts as level.
_LEVEL = float(np.radians(0.5))


def level_rotation(base_R_camera: Array) -> Array:
    """Rotation camera_R_level (3, 3) from a level camera with the same heading to a camera.

    Args:
        base_R_camera: (3, 3) rotation of the optical frame, in any frame whose z axis points up.
    """
    ahead = base_R_camera[:, 2]
    yaw = np.arctan2(ahead[1], ahead[0])
    cos, sin = np.cos(yaw), np.sin(yaw)
    base_R_heading = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(base_R_camera.T @ base_R_heading @ se3.BODY_R_OPTICAL)


def level_adapter(
    source: Camera, target: Camera, base_R_camera: Array | None = None, *, partial: bool = False
) -> CameraAdapter:
    """Adapter from a camera to a level one.

    Args:
        source, target, partial: see `CameraAdapter`.
        base_R_camera: (3, 3) rotation of the source's optical frame, in any frame whose z axis points up; None if it is
            level. A network without partial views does not rotate the images of a tilted camera.

    Raises:
        CameraError: see `CameraAdapter`.
    """
    if base_R_camera is None or not partial:
        return CameraAdapter(source, target, partial=partial)
    rotation = level_rotation(base_R_camera)
    tilted = float(se3.rotation_angle(rotation)) > _LEVEL
    return CameraAdapter(source, target, partial=True, source_R_target=rotation if tilted else None)
