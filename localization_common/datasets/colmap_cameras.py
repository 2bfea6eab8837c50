"""Camera models of COLMAP to `Camera`.

COLMAP puts the centre of the upper left pixel at (0.5, 0.5); OpenCV, ROS and `Camera` put it at (0, 0).
"""

from __future__ import annotations

from collections.abc import Sequence

from localization_common.camera import Camera
from localization_common.errors import CameraError, DatasetError

#: Number of a model in cameras.bin -> its name and its number of parameters.
MODELS: dict[int, tuple[str, int]] = {
    0: ("SIMPLE_PINHOLE", 3),
    1: ("PINHOLE", 4),
    2: ("SIMPLE_RADIAL", 4),
    3: ("RADIAL", 5),
    4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8),
    6: ("FULL_OPENCV", 12),
    7: ("FOV", 5),
    8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
    11: ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    12: ("SIMPLE_DIVISION", 4),
    13: ("DIVISION", 5),
    14: ("SIMPLE_FISHEYE", 3),
    15: ("FISHEYE", 4),
    16: ("EUCM", 6),
    17: ("EQUIRECTANGULAR", 2),
}
#: Models that `Camera` supports -> number of focal lengths, distortion model, and place of each distortion parameter in
#: OpenCV's order.
_READ: dict[str, tuple[int, str, tuple[int, ...]]] = {
    "SIMPLE_PINHOLE": (1, "plumb_bob", ()),
    "PINHOLE": (2, "plumb_bob", ()),
    "SIMPLE_RADIAL": (1, "plumb_bob", (0,)),
    "RADIAL": (1, "plumb_bob", (0, 1)),
    "OPENCV": (2, "plumb_bob", (0, 1, 2, 3)),
    "FULL_OPENCV": (2, "rational_polynomial", (0, 1, 2, 3, 4, 5, 6, 7)),
    "SIMPLE_FISHEYE": (1, "equidistant", ()),
    "FISHEYE": (2, "equidistant", ()),
    "SIMPLE_RADIAL_FISHEYE": (1, "equidistant", (0,)),
    "RADIAL_FISHEYE": (1, "equidistant", (0, 1)),
    "OPENCV_FISHEYE": (2, "equidistant", (0, 1, 2, 3)),
}


def camera_of_model(model: str, width: int, height: int, parameters: Sequence[float], where: object) -> Camera:
    """Camera of one of COLMAP's models.

    Args:
        model: name, such as ``OPENCV``.
        width, height: size of the image in pixels.
        parameters: parameters in COLMAP's order.
        where: file, and line or id, for the message.

    Raises:
        DatasetError: the model is unknown or has no counterpart, or a number is out of range.
    """
    if model not in _READ:
        raise DatasetError(
            f"{where}: camera model {model} has no counterpart in ROS; read are {', '.join(_READ)}. Undistort the "
            "pictures (colmap image_undistorter), or run COLMAP with --ImageReader.camera_model OPENCV"
        )
    focal_lengths, ours, places = _READ[model]
    expected = focal_lengths + 2 + len(places)
    if len(parameters) != expected:
        raise DatasetError(f"{where}: {model} has {expected} parameters, not {len(parameters)}")
    fx, fy = parameters[0], parameters[focal_lengths - 1]
    cx, cy = parameters[focal_lengths : focal_lengths + 2]
    distortion = [0.0] * (8 if ours == "rational_polynomial" else 4)
    for place, value in zip(places, parameters[focal_lengths + 2 :], strict=True):
        distortion[place] = float(value)
    kept = tuple(distortion) if any(distortion) else ()
    try:
        return Camera(width, height, float(fx), float(fy), float(cx) - 0.5, float(cy) - 0.5, ours, kept)
    except CameraError as error:
        raise DatasetError(f"{where}: {error}") from error


def camera_of_line(line: str, where: object) -> tuple[int, Camera]:
    """Number and camera of a line of ``cameras.txt``: ``CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]``.

    Raises:
        DatasetError: the line is malformed, or the model cannot be read.
    """
    words = line.split()
    try:
        if len(words) < 4:
            raise ValueError(f"{len(words)} words")
        number, model, width, height = int(words[0]), words[1], int(words[2]), int(words[3])
        parameters = [float(word) for word in words[4:]]
    except ValueError as error:
        raise DatasetError(f"{where}: not 'CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]' ({error}): {line[:60]!r}") from error
    return number, camera_of_model(model, width, height, parameters, f"{where}, camera {number}")
