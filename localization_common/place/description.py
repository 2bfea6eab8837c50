"""Description of a place: content of its file ``place.yaml``.

The file holds JSON, which is YAML, too: people and YAML tools read it, and a robot reads it without a YAML library.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import CheckpointError, LocalizationError, MapError
from localization_common.files import headers
from localization_common.files.atomic_write import write_whole
from localization_common.files.configuration import from_dict, to_dict
from localization_common.files.reading import read_bytes
from localization_common.geometry import se3
from localization_common.place.drive_names import is_drive_name

FILE = "place.yaml"
VERSION = 1
#: Numbers such as 1e-05, which YAML 1.1 takes for texts; each number stands at the end of its line.
_NO_POINT = re.compile(r"(?m)^(\s*(?:\"\w+\": )?-?\d+)(e[+-]\d+,?)$")
#: Lists of numbers, over several lines.
_NUMBERS = re.compile(r"\[([-+.e\d\s,]+)\]")

Row = tuple[float, float, float, float]


@dataclass(frozen=True)
class MapScale:
    """Scale of a map.

    Attributes:
        metric: True if the map's unit is the metre.
        source: measurement that the scale comes from, in words, such as ``wheel odometry``; for a map that is not
            metric, the reason.
        std: standard deviation of the scale as a share of it; None if it is not known.
    """

    metric: bool
    source: str
    std: float | None = None


@dataclass(frozen=True)
class FrameLook:
    """Look of one frame, to recognise its recording.

    Attributes:
        stamp: nanoseconds.
        pixels: a few grey levels as hexadecimal digits, see `datasets.place_drives`.
    """

    stamp: int
    pixels: str


@dataclass(frozen=True)
class DriveDescription:
    """Drive that a place was made from.

    Attributes:
        name: name of the drive; ``poses/NAME.tum`` holds its poses.
        recording: path of the recording.
        frames: number of frames of the recording.
        located: number of frames that have a pose.
        first_stamp, last_stamp: stamps of the first and the last frame, nanoseconds.
        camera: camera of the images.
        base_T_camera: rows of the (4, 4) mount of the camera on the robot.
        looks: looks of some frames.
        reading: options with which the recording was read, see `datasets.options`.
    """

    name: str
    recording: str
    frames: int
    located: int
    first_stamp: int
    last_stamp: int
    camera: Camera
    base_T_camera: tuple[Row, Row, Row, Row]
    looks: tuple[FrameLook, ...]
    reading: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not is_drive_name(self.name):
            raise MapError(f"drive {self.name!r:.100}: use letters, digits, '_', '-', '+', '.'; the name is a file's")
        try:
            se3.nearest_rigid(self.mount)
        except ValueError as error:
            raise MapError(f"drive {self.name!r:.100}: base_T_camera is no mount: {error}") from error

    @property
    def mount(self) -> npt.NDArray[np.float64]:
        """(4, 4) base_T_camera."""
        return np.array(self.base_T_camera)


@dataclass(frozen=True)
class PlaceDescription:
    """Content of ``place.yaml``.

    Attributes:
        name: name of the place.
        scale: scale of the map.
        drives: drives that the place was made from.
        commit: commit of the program that made the place; empty where it is not known.
        built: time at which the place was made, UTC.
        frame_id: name of the map frame.
        map_id: identifier of the map frame: it stays when a place is extended, and is new in a place that is built
            again. Networks and poses belong to one map frame. `PlaceWriter` sets it.
    """

    name: str
    scale: MapScale
    drives: tuple[DriveDescription, ...]
    commit: str = ""
    built: str = ""
    frame_id: str = "map"
    map_id: str = ""

    def __post_init__(self) -> None:
        names = [drive.name for drive in self.drives]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise MapError(f"drives {', '.join(doubled)}: two drives have this name; give each its own")


def write_description(folder: Path, description: PlaceDescription) -> None:
    """Write ``place.yaml`` into a folder, all or nothing.

    Raises:
        MapError: the file cannot be written.
    """
    text = json.dumps({"version": VERSION, **to_dict(description)}, indent=1, allow_nan=False)
    text = _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", _NO_POINT.sub(r"\1.0\2", text))
    try:
        write_whole(folder / FILE, f"{text}\n".encode())
    except CheckpointError as error:
        raise MapError(str(error)) from error


def read_description(folder: Path) -> PlaceDescription:
    """Read ``place.yaml`` of a place.

    Raises:
        MapError: the file is missing, damaged, or of another version.
    """
    file = folder / FILE
    remedy = "take another copy of the place, or build it again (localization_map)"
    try:
        values = headers.parse(read_bytes(file, headers.MAX_BYTES).decode())
    except FileNotFoundError as error:
        raise MapError(f"{folder}: no place: it has no {FILE}; give a directory of localization_map") from error
    except OSError as error:
        raise MapError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise MapError(f"{file}: is not the complete JSON of a place ({error}); {remedy}") from error
    version = values.pop("version", None) if isinstance(values, dict) else None
    if type(version) is not int or version < 1:
        raise MapError(f"{file}: version {version!r:.50} is no version of a place; {remedy}")
    if version != VERSION:
        raise MapError(
            f"{file}: place of version {version}, this program reads {VERSION}: update this package, or build the "
            "place again (localization_map)"
        )
    return _description(values, file, remedy)


def _description(values: dict[str, Any], file: Path, remedy: str) -> PlaceDescription:
    try:
        return from_dict(PlaceDescription, values)
    except LocalizationError as error:
        raise MapError(f"{file}: {error}; {remedy}") from error
