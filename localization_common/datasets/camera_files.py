"""Intrinsics of a camera from a file, for recordings that lack them: the option ``--camera FILE``.

Formats: ROS camera_info in YAML, as camera_calibration writes it or ``ros2 topic echo --once`` prints it; COLMAP's
``cameras.txt`` with one camera; Kalibr's ``camchain.yaml`` with one camera; EuRoC's ``sensor.yaml``; a text file with
the 3x3 matrix K.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from localization_common.camera import Camera
from localization_common.datasets.colmap_cameras import camera_of_line
from localization_common.errors import CameraError, DatasetError
from localization_common.files import yaml_text
from localization_common.files.text_files import read_lines, read_text
from localization_common.messages.cameras import camera_from
from localization_common.messages.distortion import distortion_of

Size = tuple[int, int]

#: Lines of a text file with a camera; COLMAP's cameras.txt has one for each camera.
_MOST_LINES = 10_000
#: Bytes of a YAML file with a camera.
_MOST_YAML = 1 << 16
_ROI = ("x_offset", "y_offset", "width", "height")


def read_camera(path: str | Path, *, size: Size | None = None) -> Camera:
    """Camera of a file.

    Args:
        path: YAML or text file; the module lists the formats.
        size: width and height of the recording's pictures, for a matrix K, which lacks them.

    Raises:
        DatasetError: the file is missing, of no known form, or holds several cameras.
    """
    file = Path(path).expanduser()
    if file.suffix.lower() in (".yaml", ".yml"):
        return camera_from_yaml(read_yaml(file), file)
    lines = list(islice(read_lines(file), _MOST_LINES + 1))
    if len(lines) > _MOST_LINES:
        raise DatasetError(f"{file}: more than {_MOST_LINES} lines; give the file of one camera")
    words = [word for _, line in lines for word in line.replace(",", " ").replace(";", " ").strip("[]").split()]
    if len(words) == 9:
        return _from_matrix(words, file, size)
    if len(lines[0][1].split()) > 4 and not _is_number(lines[0][1].split()[1]):
        cameras = [camera_of_line(line, f"{file}:{number}")[1] for number, line in lines]
        return _only(cameras, file)
    raise DatasetError(
        f"{file}: no camera in it; expected ROS camera_info or Kalibr's camchain (.yaml), COLMAP's cameras.txt, or the "
        "nine numbers of a 3x3 matrix K"
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """Mapping of a YAML file (the first document).

    Raises:
        DatasetError: the file is missing or malformed, or PyYAML is not installed.
    """
    try:
        document = yaml_text.parse(read_text(path, most=_MOST_YAML), most=_MOST_YAML)
    except ImportError as error:
        raise DatasetError(f"{path}: reading YAML needs PyYAML: pip install pyyaml") from error
    except ValueError as error:
        raise DatasetError(f"{path}: is no YAML of a camera ({error})") from error
    if not isinstance(document, dict):
        raise DatasetError(f"{path}: is no YAML mapping of names to values")
    return document


def camera_from_yaml(values: dict[str, Any], where: object) -> Camera:
    """Camera from the content of a YAML file: ROS camera_info, Kalibr's camchain, or EuRoC's sensor.yaml.

    Raises:
        DatasetError: something is missing, or no such camera can be read.
    """
    chain = [value for key, value in values.items() if str(key).startswith("cam") and isinstance(value, dict)]
    chain = [value for value in chain if "intrinsics" in value]
    if chain:
        return _only([_from_kalibr(value, where) for value in chain], where)
    if "intrinsics" in values:
        return _from_kalibr(values, where)
    return _from_camera_info(values, where)


def _from_camera_info(values: dict[str, Any], where: object) -> Camera:
    """Camera by the rules for camera_info messages: a calibration file has the same fields, some with other names."""
    try:
        roi = values.get("roi") or {}
        message = SimpleNamespace(
            width=int(values["image_width"] if "image_width" in values else values["width"]),
            height=int(values["image_height"] if "image_height" in values else values["height"]),
            k=_numbers(values.get("camera_matrix", values.get("k", values.get("K")))),
            d=_numbers(values.get("distortion_coefficients", values.get("d", values.get("D", [])))),
            distortion_model=str(values.get("distortion_model") or ""),
            binning_x=int(values.get("binning_x", 0)),
            binning_y=int(values.get("binning_y", 0)),
            roi=SimpleNamespace(**{name: int(roi.get(name, 0)) for name in _ROI}),
        )
    except (AttributeError, KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise DatasetError(
            f"{where}: no camera in it (camera_info has image_width, image_height, camera_matrix; Kalibr has cam0 with "
            f"intrinsics and resolution): {error}"
        ) from error
    try:
        return camera_from(message)
    except CameraError as error:
        raise DatasetError(f"{where}: {error}") from error


def _from_kalibr(values: dict[str, Any], where: object) -> Camera:
    kind = str(values.get("camera_model", "pinhole"))
    if kind != "pinhole":
        raise DatasetError(f"{where}: camera_model {kind!r} has no counterpart in ROS; calibrate with pinhole")
    try:
        fx, fy, cx, cy = _numbers(values["intrinsics"])
        width, height = (int(value) for value in values["resolution"])
        coefficients = _numbers(values.get("distortion_coefficients", values.get("distortion_coeffs", [])))
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise DatasetError(f"{where}: intrinsics (fu fv cu cv) or resolution cannot be read: {error}") from error
    try:
        model, distortion = distortion_of(str(values.get("distortion_model", "none")), np.array(coefficients))
        return Camera(width, height, fx, fy, cx, cy, model, distortion)
    except CameraError as error:
        raise DatasetError(f"{where}: {error}") from error


def _from_matrix(words: Sequence[str], path: Path, size: Size | None) -> Camera:
    try:
        fx, skew, cx, zero, fy, cy, *last = (float(word) for word in words)
    except ValueError as error:
        raise DatasetError(f"{path}: the 3x3 matrix K holds {error}") from error
    if zero != 0.0 or last != [0.0, 0.0, 1.0] or abs(skew) > 1e-6 * abs(fx):
        raise DatasetError(f"{path}: is not of the form fx 0 cx, 0 fy cy, 0 0 1 (row by row): {' '.join(words)}")
    if size is None:
        raise DatasetError(f"{path}: a matrix K does not give the size of the pictures; use a camera_info YAML")
    if not (0.0 < cx < size[0] and 0.0 < cy < size[1]):
        raise DatasetError(
            f"{path}: the principal point ({cx:g}, {cy:g}) lies outside of the pictures, {size[0]}x{size[1]}; "
            "is K of another resolution?"
        )
    try:
        return Camera(*size, fx, fy, cx, cy)
    except CameraError as error:
        raise DatasetError(f"{path}: {error}") from error


def _only(cameras: list[Camera], where: object) -> Camera:
    if len(set(cameras)) != 1:
        raise DatasetError(f"{where}: holds {len(cameras)} cameras; give a copy with the one of the pictures")
    return cameras[0]


def _numbers(value: Any) -> list[float]:
    """Numbers of a list, or of the ``data`` of a matrix."""
    if isinstance(value, dict):
        value = value.get("data")
    try:
        return [float(number) for number in value]
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{value!r:.200} is no list of numbers") from error


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
