"""Conversion of `Camera` to sensor_msgs/CameraInfo."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from localization_common.camera import Camera


def camera_to_info(camera: Camera, header: Header) -> CameraInfo:
    """Message of a camera without rectification, binning or region of interest."""
    fx, fy, cx, cy = (float(v) for v in (camera.fx, camera.fy, camera.cx, camera.cy))
    msg = CameraInfo(header=header, width=int(camera.width), height=int(camera.height))
    msg.distortion_model = camera.distortion_model
    # Readers of plumb_bob expect five coefficients even without distortion.
    zeros = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[camera.distortion_model]
    msg.d = list(camera.distortion) or [0.0] * zeros
    msg.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    msg.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    msg.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg
