"""Calibrations of sensor_msgs/CameraInfo to `Camera`."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from localization_common.camera.intrinsics import Camera
from localization_common.errors import CameraError
from localization_common.messages.distortion import distortion_of
from localization_common.messages.protocols import CameraInfoMessage

_RECTIFIED = re.compile(r"(^|_)rect(ified)?(_|$)")
#: Smallest and largest focal length of lenses, as shares of the image's longer side.
_FOCAL_LENGTHS = (0.05, 50.0)


def camera_from(message: CameraInfoMessage, *, rectified: bool = False) -> Camera:
    """Camera of the images that a driver publishes with this message: region of interest and binning are applied.

    Args:
        message: calibration of the full image.
        rectified: True if the images are rectified (see `is_rectified_topic`): P is taken, without distortion.

    Raises:
        CameraError: the camera is not calibrated (zeros, NaN), its numbers are impossible, the distortion model is
            unknown or lacks coefficients, or the region does not lie in the image.
    """
    width, height = int(message.width), int(message.height)
    if width == 0 or height == 0:
        raise CameraError(
            f"camera_info gives the size {width}x{height}: the camera is not calibrated, run camera_calibration"
        )
    coefficients: tuple[float, ...]
    if rectified:
        matrix, model, coefficients = _matrix(_numbers(message, "p"), "P", 4), "plumb_bob", ()
    else:
        matrix = _matrix(_numbers(message, "k"), "K", 3)
        model, coefficients = distortion_of(message.distortion_model, _numbers(message, "d"))
    _check(matrix, width, height, "P" if rectified else "K")
    return _in_region(message, matrix, model, coefficients)


def is_rectified_topic(name: str) -> bool:
    """Return True if a topic's name is one of rectified images: image_rect, image_rect_color, rect/image."""
    parts = [part for part in name.split("/") if part not in ("", "compressed", "compressedDepth")]
    return any(_RECTIFIED.search(part) for part in parts[-2:])


def _numbers(message: CameraInfoMessage, name: str) -> npt.NDArray[np.float64]:
    values = getattr(message, name) if hasattr(message, name) else getattr(message, name.upper())
    return np.array(values, dtype=np.float64).ravel()


def _matrix(numbers: npt.NDArray[np.float64], name: str, columns: int) -> npt.NDArray[np.float64]:
    """Intrinsics (3, 3) of K (3, 3) or P (3, 4)."""
    if numbers.size != 3 * columns:
        raise CameraError(f"camera_info's {name} has {numbers.size} numbers, not {3 * columns}")
    matrix = numbers.reshape(3, columns)[:, :3]
    if not np.isfinite(numbers).all() or matrix[0, 0] == 0.0 or matrix[1, 1] == 0.0:
        raise CameraError(
            f"camera_info's {name} is {numbers.tolist()}: the camera is not calibrated, run camera_calibration"
        )
    return matrix


def _check(matrix: npt.NDArray[np.float64], width: int, height: int, name: str) -> None:
    """Refuse numbers that no camera has."""
    fx, fy, cx, cy = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
    if matrix[2].tolist() != [0.0, 0.0, 1.0] or matrix[1, 0] != 0.0 or abs(matrix[0, 1]) > 1e-3 * abs(fx):
        raise CameraError(
            f"camera_info's {name} is {matrix.tolist()}: it must be [fx 0 cx, 0 fy cy, 0 0 1], row by row"
        )
    low, high = (share * max(width, height) for share in _FOCAL_LENGTHS)
    if not (low <= fx <= high and low <= fy <= high):
        raise CameraError(
            f"camera_info's focal lengths {fx:g}, {fy:g} cannot be those of an image of {width}x{height}: "
            "run camera_calibration"
        )
    if not (-0.5 <= cx <= width - 0.5 and -0.5 <= cy <= height - 0.5):
        raise CameraError(
            f"camera_info's principal point {cx:g}, {cy:g} lies outside of the image of {width}x{height}: "
            "run camera_calibration for this resolution"
        )


def _in_region(
    message: CameraInfoMessage, matrix: npt.NDArray[np.float64], model: str, coefficients: tuple[float, ...]
) -> Camera:
    """Camera of the image after the region was cropped and pixels were binned."""
    roi = message.roi
    left, top, width, height = int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height)
    if bool(width) != bool(height) or (not width and (left or top)):
        raise CameraError(
            f"camera_info's roi begins at {left}, {top} and is {width}x{height}: "
            "set all four, or zeros for the full image"
        )
    width, height = width or int(message.width), height or int(message.height)
    if left + width > message.width or top + height > message.height:
        raise CameraError(
            f"camera_info's roi of {width}x{height} at {left}, {top} reaches beyond the image of "
            f"{message.width}x{message.height}"
        )
    bin_x, bin_y = max(1, int(message.binning_x)), max(1, int(message.binning_y))
    if width < bin_x or height < bin_y:
        raise CameraError(f"camera_info's binning of {bin_x}x{bin_y} leaves nothing of {width}x{height} pixels")
    return Camera(
        width // bin_x,
        height // bin_y,
        float(matrix[0, 0]) / bin_x,
        float(matrix[1, 1]) / bin_y,
        (float(matrix[0, 2]) - left + 0.5) / bin_x - 0.5,
        (float(matrix[1, 2]) - top + 0.5) / bin_y - 0.5,
        model,
        coefficients,
    )
