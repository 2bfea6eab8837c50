"""Cameras, and making one camera's images look like another's."""

from localization_common.camera.adapter import CameraAdapter
from localization_common.camera.intrinsics import Camera

__all__ = ["Camera", "CameraAdapter"]
