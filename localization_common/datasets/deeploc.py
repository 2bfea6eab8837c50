"""DeepLoc: ``{train,test}/LeftImages/Image_<id>.png``, ``labels/Image_<id>.png`` and ``poses.txt``.

Radwan, Valada and Burgard, VLocNet++: Deep Multitask Learning for Semantic Visual Localization and Odometry, RA-L 2018.
Drives of a robot around a campus, 1280x720, with camera-to-world poses and class ids for every pixel.

The data set lacks some information. It is completed like this:

- *Axes of the poses.* They are the camera's, either optical (z forward) or a body's (x forward, REP-103). The drive
  decides: a robot moves along its camera's view. Errors of poses and odometry are the same in both; only warping, which
  projects with the optical axes, differs.
- *Intrinsics.* The nominal ones of a ZED camera in this mode. Training and test share the camera, so a network does not
  depend on them, except for warping.
- *Times.* The id at 20 Hz, nominally: only their order and gaps are used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.picture_camera import choose_camera
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import FRAMES, Finding, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines
from localization_common.geometry import se3

CLASS_NAMES = ("background", "sky", "road", "sidewalk", "grass", "vegetation", "building", "poles", "dynamic", "other")
CAMERA = Camera(1280, 720, 700.0, 700.0, 639.5, 359.5)
FRAMES_PER_SECOND = 20
HEADER = ("img_name", "x", "y", "z", "qw", "qx", "qy", "qz")

_NAME = re.compile(r"Image_([0-9]{1,9})(?:\.png)?$")


def read_deeploc(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of one split: the directory ``train`` or ``test``. Frame numbers are the ids; they have gaps.

    Images may have any size of the original's shape (intrinsics are scaled). The pose of an image that ``poses.txt``
    does not name is unknown. There are labels if there is a directory of them; an image without a file is unlabelled.

    Args:
        path: for example ``DeepLoc/test``.
        options: ``camera``, by default the nominal one.

    Raises:
        DatasetError: no image is there, or ``poses.txt`` is missing or malformed.
    """
    options = options or RecordingOptions()
    directory = frame_files.require_directory(path)
    known = _read_poses(directory / "poses.txt")
    pictures = {int(m[1]): file for file in directory.glob("LeftImages/*.png") if (m := _NAME.match(file.name))}
    numbers = np.array(sorted(pictures), dtype=np.int64)
    if not known.keys() & pictures.keys():
        raise DatasetError(f"{directory}/LeftImages: has none of the {len(known)} images that poses.txt names")
    summary = ReadingSummary(f"{directory} (DeepLoc)").with_found(
        Finding("images", f"{len(pictures)}; poses.txt names {len(known)}")
    )
    missing = sorted(known.keys() - pictures.keys())
    summary = summary.with_left_out(
        LeftOut(
            len(missing),
            FRAMES,
            "the picture is missing",
            frame_files.shown(f"Image_{number}.png" for number in missing),
        )
    )
    camera, summary = choose_camera(
        (pictures[n] for n in numbers.tolist()), options, summary, stated=CAMERA, origin="a ZED's nominal", assumed=True
    )
    frames = _DeepLocFrames(directory, numbers, camera)
    return Sequence(
        name=f"deeploc/{directory.resolve().name}",
        camera=camera,
        frame_numbers=numbers,
        stamps=numbers * 1_000_000_000 // FRAMES_PER_SECOND,
        map_T_camera=_at(numbers, known),
        read_image=frames.image,
        read_labels=frames.labels if (directory / "labels").is_dir() else None,
        class_names=CLASS_NAMES,
        summary=summary.with_assumed(f"the images are 1/{FRAMES_PER_SECOND} s apart for each id (no times are known)"),
    )


def _at(numbers: npt.NDArray[np.int64], known: dict[int, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Poses (N, 4, 4) of these ids, with optical axes; NaN where no finite pose is known."""
    finite = {number: pose for number, pose in known.items() if np.isfinite(pose).all()}
    ids = [number for number in numbers.tolist() if number in finite]
    poses = np.full((len(numbers), 4, 4), np.nan)
    if ids:
        poses[np.isin(numbers, ids)] = in_optical_axes(np.stack([finite[number] for number in ids]))
    return poses


def in_optical_axes(map_T_sensor: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turn poses (N, 4, 4) of a robot's camera into optical axes (z forward) if they have a body's axes (x forward).

    They have a body's axes if more steps between neighbouring poses go along x than along z.
    """
    steps = (se3.inverse(map_T_sensor[:-1]) @ map_T_sensor[1:])[:, :3, 3]
    along_x, _, along_z = np.bincount(np.abs(steps).argmax(axis=1), minlength=3)
    if along_x <= along_z:
        return map_T_sensor
    return map_T_sensor @ se3.BODY_T_OPTICAL


def _read_poses(path: Path) -> dict[int, npt.NDArray[np.float64]]:
    """Pose (4, 4) of each image id: the lines below the header, which is not the first line."""
    lines = read_lines(path)
    if all(tuple(line.split()) != HEADER for _, line in lines):
        raise DatasetError(f"{path}: no line {' '.join(HEADER)!r}; is this DeepLoc's poses.txt?")
    poses: dict[int, npt.NDArray[np.float64]] = {}
    for number, line in lines:
        name, *words = line.split()
        match = _NAME.match(name)
        try:
            if match is None or int(match[1]) in poses:
                raise ValueError(f"{name} is not of the form Image_<id>" if match is None else f"{name} is there twice")
            x, y, z, qw, qx, qy, qz = (float(word) for word in words)
            finite = np.isfinite([x, y, z, qw, qx, qy, qz]).all()
            pose = se3.from_parts((x, y, z), (qw, qx, qy, qz)) if finite else np.full((4, 4), np.nan)
            poses[int(match[1])] = pose
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: not {' '.join(HEADER)!r} ({error})") from error
    return poses


@dataclass(frozen=True)
class _DeepLocFrames:
    """Reader of single pictures; a class and no closure, so that data loaders can send it to their workers."""

    directory: Path
    numbers: npt.NDArray[np.int64]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return picture_files.read_rgb(self._file("LeftImages", position), self.camera)

    def labels(self, position: int) -> npt.NDArray[np.uint8]:
        file = self._file("labels", position)
        if not file.is_file():
            return np.full((self.camera.height, self.camera.width), 255, dtype=np.uint8)
        return picture_files.read_labels(file, len(CLASS_NAMES), self.camera)

    def _file(self, folder: str, position: int) -> Path:
        return self.directory / folder / f"Image_{self.numbers[position]}.png"
