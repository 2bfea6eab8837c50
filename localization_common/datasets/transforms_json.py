"""``transforms.json`` of nerfstudio, instant-ngp and phone apps: pictures with poses and intrinsics.

Format: docs.nerf.studio, Data conventions, and instant-ngp's NeRF loader. A pose is map_T_camera with OpenGL's axes
(x right, y up, z backward). The centre of the upper left pixel is at (0.5, 0.5). The map is the file's: its z axis is
up by nerfstudio's convention. ``applied_transform`` is the transform from the source's map to the file's. Its rotation
stays, so that a pose here is the one in the file; a scale in it (or ``applied_scale``) is divided out, so that lengths
are those of the source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.posed_pictures import PosedPicture, sequence_of
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import Finding, ReadingSummary
from localization_common.errors import CameraError, DatasetError
from localization_common.files import json_text
from localization_common.files.text_files import MAX_TEXT, read_text

NAME = "transforms.json"
#: Rotation from an optical frame (x right, y down, z forward) to OpenGL's camera (x right, y up, z backward).
OPENGL_T_OPTICAL: npt.NDArray[np.float64] = np.diag([1.0, -1.0, -1.0, 1.0])

#: ``camera_model`` -> model of `Camera`; plumb_bob has the distortion k1 k2 p1 p2 k3, equidistant k1 k2 k3 k4.
_MODELS = {
    "OPENCV": "plumb_bob",
    "PINHOLE": "plumb_bob",
    "SIMPLE_PINHOLE": "plumb_bob",
    "SIMPLE_RADIAL": "plumb_bob",
    "RADIAL": "plumb_bob",
    "PERSPECTIVE": "plumb_bob",
    "OPENCV_FISHEYE": "equidistant",
    "FISHEYE": "equidistant",
}
_ENDINGS = (".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG")


def read_transforms(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of a ``transforms.json`` and the pictures that it names, in order of their names.

    Args:
        path: file, or its directory.
        options: ``camera``.

    Raises:
        DatasetError: the file is missing or malformed, or none of its pictures exists.
    """
    options = options or RecordingOptions()
    file = Path(path).expanduser()
    file = file / NAME if file.is_dir() else file
    values = read_json(file)
    frames = values.get("frames")
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        raise DatasetError(f"{file}: no list 'frames' in it, or it is empty; is this a transforms.json of pictures?")
    scale = _applied_scale(values, file)
    pictures = [_picture(values | frame, f"{file}: frame {i}", file.parent, scale) for i, frame in enumerate(frames)]
    summary = ReadingSummary(f"{file} (transforms.json)").with_found(Finding("frames", f"{len(frames)} in {file.name}"))
    if scale != 1.0:
        summary = summary.with_found(Finding("scale", f"positions are divided by {scale:g}, which was applied to them"))
    summary = summary.with_assumed("the unit is the metre and the z axis is up (not in the file)")
    name = file.parent.resolve().name if file.name == NAME else f"{file.parent.resolve().name}/{file.stem}"
    return sequence_of(name, pictures, options, summary, origin=file.name)


def read_json(path: Path) -> dict[str, Any]:
    """Object of a JSON file.

    Raises:
        DatasetError: the file is missing, no JSON, or no object.
    """
    try:
        values = json_text.parse(read_text(path), most=MAX_TEXT)
    except ValueError as error:
        raise DatasetError(f"{path}: is no JSON of poses ({error})") from error
    if not isinstance(values, dict):
        raise DatasetError(f"{path}: is JSON, but no object with names and values")
    return values


def pose_of(matrix: Any, where: str) -> npt.NDArray[np.float64]:
    """Pose map_T_camera (4, 4), optical frame, of rows with OpenGL's axes; NaN where a number is not finite.

    Raises:
        DatasetError: it is no matrix of numbers, or no rigid transform.
    """
    try:
        rows = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise DatasetError(f"{where}: transform_matrix is no matrix of numbers ({error})") from error
    if rows.shape == (3, 4):
        rows = np.vstack([rows, [0.0, 0.0, 0.0, 1.0]])
    if rows.shape != (4, 4):
        raise DatasetError(f"{where}: transform_matrix has shape {rows.shape}, not (4, 4)")
    if not np.isfinite(rows).all():
        return np.full((4, 4), np.nan)
    return np.asarray(frame_files.require_rigid(rows, f"{where}: transform_matrix") @ OPENGL_T_OPTICAL)


def _picture(values: dict[str, Any], where: str, folder: Path, scale: float) -> PosedPicture:
    name = values.get("file_path")
    if not isinstance(name, str) or not name:
        raise DatasetError(f"{where}: no file_path")
    name = name.replace("\\", "/")
    pose = pose_of(values.get("transform_matrix"), where)
    pose[:3, 3] /= scale
    depth = values.get("depth_file_path")
    depth_file = folder / str(depth) if depth else None
    file = _with_ending(folder / name)
    if depth_file is not None and not picture_files.is_file(depth_file):
        depth_file = None
    return PosedPicture(name, file, _camera(values, where, file), pose, depth_file)


def _with_ending(file: Path) -> Path:
    """Path of the picture; its name in the file may lack the ending, as in NeRF's synthetic scenes."""
    if picture_files.is_file(file):
        return file
    found = (file.with_name(file.name + ending) for ending in _ENDINGS)
    return next((candidate for candidate in found if picture_files.is_file(candidate)), file)


def _camera(values: dict[str, Any], where: str, picture: Path) -> Camera | None:
    """Camera from the values of a frame and of the file together; None where they have no intrinsics."""
    if not any(key in values for key in ("fl_x", "camera_angle_x", "x_fov")):
        return None
    try:
        if "w" in values and "h" in values:
            width, height = round(_number(values, "w")), round(_number(values, "h"))
        elif picture_files.is_file(picture):
            width, height = picture_files.picture_size(picture)
        else:
            return None
        fx = _focal_length(values, "x", width)
        fy = _focal_length(values, "y", height) or fx
        if fx is None or fy is None:
            raise ValueError("no focal length")
        cx, cy = _number(values, "cx", width / 2.0), _number(values, "cy", height / 2.0)
        model, distortion = _distortion(values, where)
        return Camera(width, height, fx, fy, cx - 0.5, cy - 0.5, model, distortion)
    except (TypeError, ValueError, ArithmeticError, CameraError) as error:
        raise DatasetError(f"{where}: intrinsics cannot be used: {error}") from error


def _focal_length(values: dict[str, Any], axis: str, size: int) -> float | None:
    if f"fl_{axis}" in values:
        return _number(values, f"fl_{axis}")
    degrees = f"{axis}_fov"
    if f"camera_angle_{axis}" in values:
        angle = _number(values, f"camera_angle_{axis}")
    elif degrees in values:
        angle = float(np.radians(_number(values, degrees)))
    else:
        return None
    if not 0.0 < angle < np.pi:
        raise ValueError(f"camera_angle_{axis} {angle} is not between 0 and pi")
    return float(size / 2.0 / np.tan(angle / 2.0))


def _distortion(values: dict[str, Any], where: str) -> tuple[str, tuple[float, ...]]:
    named = str(values.get("camera_model", "OPENCV_FISHEYE" if values.get("is_fisheye") else "OPENCV"))
    model = _MODELS.get(named.upper())
    if model is None:
        raise DatasetError(f"{where}: camera_model {named!r} has no counterpart in ROS; read are {', '.join(_MODELS)}")
    k1, k2, k3, k4, p1, p2 = (_number(values, name, 0.0) for name in ("k1", "k2", "k3", "k4", "p1", "p2"))
    if model == "equidistant":
        return model, (k1, k2, k3, k4) if any((k1, k2, k3, k4)) else ()
    if k4 != 0.0:
        raise DatasetError(f"{where}: k4 without a fisheye model has no counterpart in ROS; undistort the pictures")
    if k3 != 0.0:
        return model, (k1, k2, p1, p2, k3)
    return model, (k1, k2, p1, p2) if any((k1, k2, p1, p2)) else ()


def _number(values: dict[str, Any], name: str, default: float = 0.0) -> float:
    value = values.get(name, default)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not np.isfinite(number):
        raise ValueError(f"{name} is {value!r}, which is no number")
    return number


def _applied_scale(values: dict[str, Any], file: Path) -> float:
    """Factor by which the source's lengths were multiplied."""
    try:
        turn = np.array(values.get("applied_transform", np.eye(4)), dtype=np.float64)[:3, :3]
        scale = float(np.cbrt(abs(np.linalg.det(turn)))) * _number(values, "applied_scale", 1.0)
    except (TypeError, ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise DatasetError(f"{file}: applied_transform or applied_scale is malformed ({error})") from error
    if not 0.0 < scale < float("inf"):
        raise DatasetError(f"{file}: applied_transform and applied_scale give the scale {scale}")
    return 1.0 if abs(scale - 1.0) < 1e-6 else scale
