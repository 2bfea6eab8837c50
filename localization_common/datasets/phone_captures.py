"""Exports of phones' capture apps: Polycam's raw data and Record3D's frames. Both record ARKit's poses.

Polycam (github.com/PolyCam/polyform): ``keyframes/images/<time in us>.jpg`` with ``keyframes/cameras/<time>.json``;
``corrected_images`` and ``corrected_cameras`` are undistorted and optimised; they are taken instead if they exist.
Record3D (record3d.app): ``rgb/<number>.jpg`` with ``metadata.json``, or the content of an .r3d archive: ``rgbd/`` and
``metadata``. Its matrix K is stored column by column; a pose is qx qy qz qw x y z.

ARKit's map has y up and its camera has OpenGL's axes. Here the map's z is up: (x, y, z) becomes (z, x, y), as
polyform and nerfstudio turn it. Lengths are metres.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import frame_files
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.posed_pictures import PosedPicture, sequence_of
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import Finding, ReadingSummary
from localization_common.datasets.transforms_json import OPENGL_T_OPTICAL, read_json
from localization_common.errors import CameraError, DatasetError
from localization_common.geometry import se3

#: Turn from ARKit's map (y up) to the map of this package (z up).
_MAP_T_ARKIT: npt.NDArray[np.float64] = np.eye(4)[[2, 0, 1, 3]]
_POLYCAM = (("corrected_images", "corrected_cameras"), ("images", "cameras"))
_RECORD3D = (("metadata.json", "rgb"), ("metadata", "rgbd"))
_ENDINGS = (".jpg", ".jpeg", ".png")
#: Number of a frame, or a time in microseconds; longer numbers are neither.
_NUMBER = re.compile(r"[0-9]{1,15}")


def is_polycam(path: Path) -> bool:
    """Check whether the directory is a raw export of Polycam."""
    return any((path / "keyframes" / cameras).is_dir() for _, cameras in _POLYCAM)


def is_record3d(path: Path) -> bool:
    """Check whether the directory is an export of Record3D."""
    return any((path / metadata).is_file() and (path / pictures).is_dir() for metadata, pictures in _RECORD3D)


def read_polycam(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of a raw export of Polycam.

    Args:
        path: directory with ``keyframes``.
        options: ``camera``.

    Raises:
        DatasetError: no keyframes, or a camera's file is malformed.
    """
    directory = frame_files.require_directory(path)
    keyframes = directory / "keyframes"
    folders = [pair for pair in _POLYCAM if all((keyframes / name).is_dir() for name in pair)]
    if not folders:
        raise DatasetError(f"{keyframes}: neither images with cameras nor corrected_images with corrected_cameras")
    images, cameras = folders[0]
    stated = [file for file in sorted((keyframes / cameras).glob("*.json")) if _NUMBER.fullmatch(file.stem)]
    if not stated:
        raise DatasetError(f"{keyframes / cameras}: no <time>.json of a keyframe")
    pictures = [_polycam_picture(keyframes, images, file) for file in stated]
    text = f"{len(stated)} in {cameras}" + ("" if images != "images" else "; Polycam did not optimise the poses")
    summary = ReadingSummary(f"{directory} (Polycam)").with_found(Finding("keyframes", text))
    times = [int(file.stem) * 1000 for file in stated]
    return sequence_of(
        directory.resolve().name, pictures, options or RecordingOptions(), summary, origin=cameras, stamps=times
    )


def read_record3d(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of an export of Record3D.

    Args:
        path: directory with ``metadata.json`` and ``rgb``, or ``metadata`` and ``rgbd``.
        options: ``camera``.

    Raises:
        DatasetError: no pictures, or the metadata are malformed.
    """
    directory = frame_files.require_directory(path)
    pairs = [p for p in _RECORD3D if (directory / p[0]).is_file() and (directory / p[1]).is_dir()]
    if not pairs:
        raise DatasetError(f"{directory}: neither metadata.json with rgb nor metadata with rgbd")
    metadata, folder = directory / pairs[0][0], directory / pairs[0][1]
    values = read_json(metadata)
    there = [f for f in folder.iterdir() if _NUMBER.fullmatch(f.stem) and f.suffix.lower() in _ENDINGS]
    by_number = {int(file.stem): file for file in there}
    try:
        poses = [_record3d_pose(pose) for pose in values["poses"]]
        numbers = sorted(by_number.keys() | set(range(len(poses))))
        times = _record3d_times(values, numbers)
        cameras = [_record3d_camera(values, number) for number in numbers]
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError, CameraError) as error:
        raise DatasetError(f"{metadata}: poses, K, w, h or fps are missing or malformed ({error})") from error
    pictures = []
    for number, camera in zip(numbers, cameras, strict=True):
        file = by_number.get(number, folder / f"{number}.jpg")
        pose = poses[number] if number < len(poses) else np.full((4, 4), np.nan)
        pictures.append(PosedPicture(f"{folder.name}/{file.name}", file, camera, pose))
    summary = ReadingSummary(f"{directory} (Record3D)").with_found(Finding("poses", f"{len(poses)} in {metadata.name}"))
    name, origin = directory.resolve().name, metadata.name
    return sequence_of(name, pictures, options or RecordingOptions(), summary, origin=origin, stamps=times)


def _polycam_picture(keyframes: Path, images: str, file: Path) -> PosedPicture:
    values = read_json(file)
    try:
        rows = [[float(values[f"t_{row}{column}"]) for column in range(4)] for row in range(3)]
        numbers = [float(values[key]) for key in ("fx", "fy", "cx", "cy")]
        camera = _camera(int(values["width"]), int(values["height"]), numbers)
    except (KeyError, TypeError, ValueError, ArithmeticError, CameraError) as error:
        raise DatasetError(f"{file}: fx, fy, cx, cy, width, height or t_00 to t_23 cannot be used ({error})") from error
    pose = np.vstack([rows, [0.0, 0.0, 0.0, 1.0]])
    if np.isfinite(pose).all():
        pose = _MAP_T_ARKIT @ frame_files.require_rigid(pose, file) @ OPENGL_T_OPTICAL
    else:
        pose = np.full((4, 4), np.nan)
    candidates = [keyframes / images / f"{file.stem}{ending}" for ending in _ENDINGS]
    picture = next((candidate for candidate in candidates if candidate.is_file()), candidates[0])
    depth = keyframes / "depth" / f"{file.stem}.png"
    return PosedPicture(f"{images}/{picture.name}", picture, camera, pose, depth if depth.is_file() else None)


def _record3d_pose(values: Any) -> npt.NDArray[np.float64]:
    qx, qy, qz, qw, x, y, z = (float(value) for value in values)
    if not np.isfinite([qx, qy, qz, qw, x, y, z]).all():
        return np.full((4, 4), np.nan)
    return np.asarray(_MAP_T_ARKIT @ se3.from_parts((x, y, z), (qw, qx, qy, qz)) @ OPENGL_T_OPTICAL)


def _record3d_times(values: dict[str, Any], numbers: list[int]) -> list[int]:
    """Stamps of these frames in nanoseconds, from the export's times or its rate."""
    times = values.get("frameTimestamps") or []
    if numbers and len(times) > numbers[-1]:
        return [round(float(times[number]) * 1e9) for number in numbers]
    return [round(number * 1e9 / float(values["fps"])) for number in numbers]


def _record3d_camera(values: dict[str, Any], number: int) -> Camera:
    each = values.get("perFrameIntrinsicCoeffs") or []
    if number < len(each):
        numbers = [float(value) for value in each[number][:4]]
    else:
        k = [float(value) for value in values["K"]]
        numbers = [k[0], k[4], k[6], k[7]]
    return _camera(int(values["w"]), int(values["h"]), numbers)


def _camera(width: int, height: int, numbers: list[float]) -> Camera:
    fx, fy, cx, cy = numbers
    return Camera(width, height, fx, fy, cx - 0.5, cy - 0.5)
