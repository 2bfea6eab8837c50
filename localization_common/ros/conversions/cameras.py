"""Intrinsics: sensor_msgs/CameraInfo to `Camera` and back."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from localization_common.camera import Camera
from localization_common.errors import CameraError

#: Distortion model -> how many coefficients it may have.
_COEFFICIENTS = {"plumb_bob": (0, 4, 5), "rational_polynomial": (0, 8, 12, 14), "equidistant": (0, 4)}


def camera_from_info(msg: CameraInfo) -> Camera:
    """Camera of the images that a driver publishes beside this message: region of interest and binning are applied.

    Raises:
        CameraError: the camera is not calibrated (zeros), or the distortion model is unknown or lacks coefficients.
    """
    if msg.width == 0 or msg.height == 0:
        raise CameraError(f"camera_info gives the size {msg.width}x{msg.height}: calibrate the camera")
    allowed = _COEFFICIENTS.get(msg.distortion_model or "plumb_bob")
    if allowed is not None and (len(msg.d) not in allowed or not np.isfinite(msg.d).all()):
        raise CameraError(
            f"{msg.distortion_model} has {list(msg.d)}; it needs {allowed} finite numbers: calibrate again"
        )
    k, roi = msg.k, msg.roi
    binning_x, binning_y = max(1, msg.binning_x), max(1, msg.binning_y)
    width, height = roi.width or msg.width, roi.height or msg.height
    camera = Camera(
        width=int(width),
        height=int(height),
        fx=float(k[0]),
        fy=float(k[4]),
        cx=float(k[2]) - roi.x_offset,
        cy=float(k[5]) - roi.y_offset,
        distortion_model=msg.distortion_model or "plumb_bob",
        distortion=tuple(float(c) for c in msg.d),
    )
    if binning_x > 1 or binning_y > 1:
        camera = camera.resized(camera.width // binning_x, camera.height // binning_y)
    return camera


def camera_to_info(camera: Camera, header: Header) -> CameraInfo:
    """Message of a camera; the images are taken as they are (no rectification, no binning)."""
    fx, fy, cx, cy = (float(v) for v in (camera.fx, camera.fy, camera.cx, camera.cy))
    msg = CameraInfo(header=header, width=int(camera.width), height=int(camera.height))
    msg.distortion_model = camera.distortion_model
    # Consumers of plumb_bob expect five coefficients even where there is no distortion.
    zeros = {"plumb_bob": 5, "rational_polynomial": 8, "equidistant": 4}[camera.distortion_model]
    msg.d = list(camera.distortion) or [0.0] * zeros
    msg.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    msg.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    msg.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg
