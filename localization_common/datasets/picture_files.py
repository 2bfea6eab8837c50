"""Pictures of data sets: colour, depth and labels, with errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import DatasetError, InputError
from localization_common.files.reading import read_bytes
from localization_common.messages.compressed import MAX_PIXELS, check_picture_size, read_header, rgb_from_compressed
from localization_common.messages.compressed_format import parse_format
from localization_common.messages.picture_kinds import PictureHeader, kind_of

#: Bytes of a picture's file: three for each pixel of the largest.
_MOST_BYTES = 3 * MAX_PIXELS


def read_rgb(path: Path, camera: Camera | None = None) -> npt.NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB; a grey one becomes RGB with three equal channels.

    Args:
        path: PNG or JPEG.
        camera: if given, the picture must have its size.

    Raises:
        DatasetError: missing, damaged, or of another size.
    """
    data = _read_bytes(path)
    require_picture(path, data)
    # Decoded like messages: a JPEG whose damage libjpeg would hide is refused, and a picture that is too large.
    try:
        rgb = rgb_from_compressed(SimpleNamespace(format="", data=data), bits=16)
    except InputError as error:
        raise DatasetError(f"{path}: {error}; copy it again") from error
    _require_size(path, rgb, camera)
    return rgb


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture in its file.

    Raises:
        DatasetError: missing or damaged.
    """
    header = require_picture(path, _read_bytes(path))
    return header.width, header.height


def is_file(path: Path) -> bool:
    """Check whether a file exists; False for a name that no file can have."""
    return os.path.isfile(path)


def first_size(paths: Iterable[Path]) -> tuple[tuple[int, int], Path]:
    """Width and height of the first picture that can be read, and its path; damaged ones may come before it.

    Raises:
        DatasetError: none of the first twenty can be read.
    """
    failure: DatasetError | None = None
    for path, _ in zip(paths, range(20), strict=False):
        try:
            return picture_size(path), path
        except DatasetError as error:
            failure = failure or error
    raise failure or DatasetError("no pictures")


def read_depth(
    path: Path, *, units_per_metre: float, invalid: tuple[int, ...] = (0,), camera: Camera | None = None
) -> npt.NDArray[np.float32]:
    """Depth (H, W) in metres, NaN where unknown, of a 16-bit picture.

    Args:
        path: single-channel 16-bit PNG.
        units_per_metre: 1000 for millimetres.
        invalid: values for unknown depth.
        camera: if given, the picture must have its size.

    Raises:
        DatasetError: missing, damaged, not 16-bit, or of another size.
    """
    picture = _decode(path, _read_bytes(path), cv2.IMREAD_UNCHANGED)
    if picture.dtype != np.uint16 or picture.ndim != 2:
        raise DatasetError(f"{path}: {picture.dtype} of shape {picture.shape}; depth is one channel of 16 bits")
    _require_size(path, picture, camera)
    depth = picture.astype(np.float32) / np.float32(units_per_metre)
    depth[np.isin(picture, invalid)] = np.nan
    return depth


def read_labels(path: Path, classes: int, camera: Camera | None = None) -> npt.NDArray[np.uint8]:
    """Class ids (H, W) uint8 of a single-channel 8-bit picture; 255 is unlabelled.

    Args:
        path: PNG.
        classes: number of classes; ids are 0..classes-1.
        camera: if given, the picture must have its size.

    Raises:
        DatasetError: missing, damaged, of several channels, of another size, or with an id that is no class.
    """
    picture = _decode(path, _read_bytes(path), cv2.IMREAD_UNCHANGED)
    if picture.dtype != np.uint8 or picture.ndim != 2:
        raise DatasetError(f"{path}: {picture.dtype} of shape {picture.shape}; labels are one channel of 8 bits")
    _require_size(path, picture, camera)
    labels = np.asarray(picture, dtype=np.uint8)
    wrong = labels[(labels >= classes) & (labels != 255)]
    if wrong.size:
        raise DatasetError(f"{path}: holds the id {wrong.max()}, but there are {classes} classes")
    return labels


def _read_bytes(path: Path) -> bytes:
    try:
        return read_bytes(path, _MOST_BYTES)
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: no such file; is the path right, and was everything copied?") from error
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error


def require_picture(where: object, data: bytes) -> PictureHeader:
    """Header of a JPEG or PNG. Other kinds are not read: OpenCV would decode sizes that fill the memory.

    Args:
        where: file or record, for the message.
        data: bytes of the picture.

    Raises:
        DatasetError: it is damaged, of another kind, or its size is too large to be decoded.
    """
    kind = kind_of(data)
    if kind not in ("JPEG", "PNG"):
        found = f"is {kind}" if kind else f"begins with {data[:8].hex(' ')}" if data else "is empty"
        raise DatasetError(f"{where}: {found} ({len(data)} bytes), not a picture in JPEG or PNG; copy or convert it")
    try:
        header = read_header(data, parse_format(""), "")
        check_picture_size(header, None, MAX_PIXELS)
    except InputError as error:
        raise DatasetError(f"{where}: {error}; copy it again") from error
    return header


def _decode(path: Path, data: bytes, flags: int) -> npt.NDArray[np.generic]:
    require_picture(path, data)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        picture = None
    if picture is None:
        raise DatasetError(f"{path}: not a picture that OpenCV can decode ({len(data)} bytes); copy it again")
    return picture


def _require_size(path: Path, picture: npt.NDArray[np.generic], camera: Camera | None) -> None:
    if camera is not None and picture.shape[:2] != (camera.height, camera.width):
        raise DatasetError(
            f"{path}: is {picture.shape[1]}x{picture.shape[0]}, but the sequence's camera has "
            f"{camera.width}x{camera.height}"
        )
