"""Cameras, and adaptation of one camera's images to another camera."""

from localization_common.camera.adapter import CameraAdapter
from localization_common.camera.intrinsics import Camera

__all__ = ["Camera", "CameraAdapter"]
