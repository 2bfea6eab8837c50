"""Files of a COLMAP model: ``cameras`` and ``images``, as text or binary.

The formats are those of COLMAP's documentation (Output Format). pycolmap reads them too, but it has no wheels for
aarch64 and is a large extra; only two tables are needed here. A test compares with pycolmap.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets.colmap_cameras import MODELS, camera_of_line, camera_of_model
from localization_common.errors import DatasetError
from localization_common.files.reading import open_file
from localization_common.files.text_files import all_lines
from localization_common.geometry import se3

#: Bytes of a picture's name.
_LONGEST_NAME = 4096
_UNKNOWN: npt.NDArray[np.float64] = np.full((4, 4), np.nan)


@dataclass(frozen=True)
class ModelImage:
    """Registered picture: its name (a path below the folder of pictures), camera number, and map_T_camera (4, 4)."""

    name: str
    camera: int
    map_T_camera: npt.NDArray[np.float64]


def model_folder(path: Path) -> Path | None:
    """Folder with the files of a model in this directory; None if there is no model.

    The directory itself comes first, then ``sparse/0``, ``sparse``, and the same below ``colmap``.
    """
    places = (
        path,
        path / "sparse" / "0",
        path / "sparse",
        path / "colmap" / "sparse" / "0",
        path / "colmap" / "sparse",
    )
    return next((place for place in places if _ending(place)), None)


def read_model(folder: Path) -> tuple[dict[int, Camera], list[ModelImage]]:
    """Cameras that pictures use, by number, and the pictures.

    Raises:
        DatasetError: a file is missing or damaged, or a camera that is used cannot be read.
    """
    if _ending(folder) == ".bin":
        images = _images_of_bytes(folder / "images.bin")
        cameras = _cameras_of_bytes(folder / "cameras.bin", {image.camera for image in images})
    else:
        images = _images_of_text(folder / "images.txt")
        cameras = _cameras_of_text(folder / "cameras.txt", {image.camera for image in images})
    unknown = next((image for image in images if image.camera not in cameras), None)
    if unknown is not None:
        raise DatasetError(f"{folder}: {unknown.name} has camera {unknown.camera}, which cameras does not hold")
    return cameras, images


def _ending(folder: Path) -> str:
    return next((e for e in (".bin", ".txt") if all((folder / f"{n}{e}").is_file() for n in ("cameras", "images"))), "")


def _pose(quaternion: tuple[float, ...], translation: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """map_T_camera of COLMAP's camera_T_map; NaN where it is not finite or no rotation."""
    try:
        camera_T_map = se3.from_parts(translation, quaternion)
    except ValueError:
        return _UNKNOWN
    return se3.inverse(camera_T_map) if np.isfinite(camera_T_map).all() else _UNKNOWN


def _cameras_of_text(path: Path, used: set[int]) -> dict[int, Camera]:
    cameras = {}
    for number, line in _lines(path):
        word = line.split(maxsplit=1)[0] if line else ""
        if word.isdecimal() and len(word) < 20 and int(word) not in used:
            continue
        if line:
            key, camera = camera_of_line(line, f"{path}:{number}")
            cameras[key] = camera
    return cameras


def _images_of_text(path: Path) -> list[ModelImage]:
    """Pictures of ``images.txt``. Each has two lines; the second, with the points that it sees, may be empty."""
    images = []
    for number, line in _first_of_two(_lines(path)):
        words = line.split(maxsplit=9)
        try:
            if len(words) != 10:
                raise ValueError(f"{len(words)} words")
            int(words[0])
            qw, qx, qy, qz, x, y, z = (float(word) for word in words[1:8])
            images.append(ModelImage(words[9], int(words[8]), _pose((qw, qx, qy, qz), (x, y, z))))
        except ValueError as error:
            raise DatasetError(
                f"{path}:{number}: not 'IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME' ({error}); every picture has two "
                "lines, the second may be empty"
            ) from error
    return images


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without comments; empty lines stay, because they have a meaning in images.txt."""
    return ((number, line) for number, line in all_lines(path) if not line.startswith("#"))


def _first_of_two(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Every second line, without empty lines at the beginning and at the end."""
    empty: tuple[int, str] | None = None
    for place, (number, line) in enumerate(dropwhile(lambda one: not one[1], lines)):
        if empty is not None and line:  # the empty lines were not the end
            yield empty
            return
        if place % 2 == 0 and line:
            yield number, line
        elif place % 2 == 0:
            empty = empty or (number, line)


class _Bytes:
    """Reader of little-endian values, one after the other."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0
        self._data: mmap.mmap | bytes = b""
        try:
            with open_file(path) as file:
                if os.fstat(file.fileno()).st_size > 0:  # an empty file cannot be mapped
                    self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error

    def take(self, form: str) -> tuple[float, ...]:
        try:
            values = struct.unpack_from(f"<{form}", self._data, self._at)
        except struct.error as error:
            raise self.damaged() from error
        self._at += struct.calcsize(f"<{form}")
        return values

    def count(self, smallest: int) -> int:
        """Number of entries that follow, each of at least so many bytes."""
        (count,) = self.take("Q")
        if int(count) * smallest > len(self._data) - self._at:
            raise self.damaged()
        return int(count)

    def text(self) -> str:
        end = self._data.find(b"\0", self._at, self._at + _LONGEST_NAME)
        if end < 0:
            raise self.damaged()
        raw, self._at = self._data[self._at : end], end + 1
        return raw.decode("utf-8", errors="replace")

    def skip(self, count: int) -> None:
        self._at += count

    def damaged(self) -> DatasetError:
        return DatasetError(
            f"{self._path}: ends too early or is damaged (at byte {self._at} of {len(self._data)}); copy it again"
        )


def _cameras_of_bytes(path: Path, used: set[int]) -> dict[int, Camera]:
    data, cameras = _Bytes(path), {}
    for _ in range(data.count(24)):
        number, model, width, height = (int(value) for value in data.take("iiQQ"))
        if model not in MODELS:
            known = ", ".join(name for name, _ in MODELS.values())
            raise DatasetError(f"{path}: camera {number} has the unknown model {model}; known are {known}")
        name, count = MODELS[model]
        parameters = data.take(f"{count}d")
        if number in used:
            cameras[number] = camera_of_model(name, width, height, parameters, f"{path}, camera {number}")
    return cameras


def _images_of_bytes(path: Path) -> list[ModelImage]:
    data, images = _Bytes(path), []
    for _ in range(data.count(73)):
        _, qw, qx, qy, qz, x, y, z, camera = data.take("idddddddi")
        name = data.text()
        data.skip(24 * data.count(24))
        images.append(ModelImage(name, int(camera), _pose((qw, qx, qy, qz), (x, y, z))))
    return images
