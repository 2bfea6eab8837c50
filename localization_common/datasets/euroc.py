"""EuRoC (ASL's format): ``mav0/cam0`` with ``data.csv``, ``sensor.yaml`` and pictures, and ground truth beside it.

Burri et al., The EuRoC Micro Aerial Vehicle Datasets, IJRR 2016; TUM VI has the same format. Stamps are nanoseconds. A
sensor's T_BS is body_T_sensor; the body is the robot's base here. The ground truth is map_T_sensor with quaternions w
first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.camera_files import camera_from_yaml, read_yaml
from localization_common.datasets.euroc_truth import body_T_sensor, read_truth, stamp_of_word
from localization_common.datasets.frame_names import count_periods
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.picture_camera import choose_camera
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import FRAMES, Finding, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines

Poses = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]


def euroc_folder(path: Path) -> Path | None:
    """Folder with ``cam0/data.csv`` (or another camera's): this directory or its ``mav0``; None if there is none."""
    return next((place for place in (path / "mav0", path) if _cameras(place)), None)


def read_euroc(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of the first camera; true poses are interpolated at its pictures.

    Args:
        path: directory with ``mav0``, or that directory.
        options: ``camera``, ``max_pose_gap`` (0.5 s by default), ``mount`` where ``sensor.yaml`` has no T_BS.

    Raises:
        DatasetError: no camera, or a file is missing or malformed.
    """
    options = options or RecordingOptions()
    directory = frame_files.require_directory(path)
    folder = euroc_folder(directory)
    if folder is None:
        raise DatasetError(f"{directory}: no mav0/cam0/data.csv")
    camera_folders = _cameras(folder)
    sensor = camera_folders[0]
    stamps, pictures, summary = _read_pictures(sensor, ReadingSummary(f"{directory} (EuRoC)"))
    others = ", ".join(other.name for other in camera_folders[1:])
    text = f"{len(pictures)} of {sensor.name}" + (f"; {others} not used: a sequence has one camera" if others else "")
    summary = summary.with_found(Finding("pictures", text))
    stated, body_T_camera = _read_sensor(sensor, options)
    camera, summary = choose_camera(pictures, options, summary, stated=stated, origin=f"{sensor.name}/sensor.yaml")
    map_T_body, summary = read_truth(folder, stamps, options, summary)
    frames = _EurocFrames(tuple(pictures), camera)
    name = folder.resolve().parent.name if folder.name == "mav0" else folder.resolve().name
    return Sequence(
        name=f"euroc/{name}",
        camera=camera,
        frame_numbers=count_periods(stamps),
        stamps=stamps,
        map_T_camera=map_T_body @ body_T_camera,
        read_image=frames.image,
        base_T_camera=body_T_camera,
        summary=summary,
    )


def _cameras(folder: Path) -> list[Path]:
    """Folders of cameras that have a list of pictures, cam0 first."""
    if not folder.is_dir():
        return []
    return sorted(entry for entry in folder.glob("cam*") if (entry / "data.csv").is_file())


def _read_pictures(sensor: Path, summary: ReadingSummary) -> tuple[Stamps, list[Path], ReadingSummary]:
    """Stamps and files of the pictures that exist, in order of time."""
    listed: dict[int, Path] = {}
    doubled = 0
    for number, line in read_lines(sensor / "data.csv"):
        words = [word.strip() for word in line.split(",")]
        try:
            stamp = stamp_of_word(words[0])
            file = sensor / "data" / (words[1] if len(words) > 1 and words[1] else f"{stamp}.png")
        except ValueError as error:
            raise DatasetError(f"{sensor / 'data.csv'}:{number}: not 'timestamp [ns],filename' ({error})") from error
        doubled += stamp in listed
        listed[stamp] = file
    there = {stamp: file for stamp, file in sorted(listed.items()) if picture_files.is_file(file)}
    if not there:
        raise DatasetError(f"{sensor / 'data'}: none of the {len(listed)} pictures that data.csv names is there")
    missing = frame_files.shown(file.name for file in listed.values() if not picture_files.is_file(file))
    summary = summary.with_left_out(
        LeftOut(len(listed) - len(there), FRAMES, "the picture is missing", missing),
        LeftOut(doubled, FRAMES, "two lines of data.csv have one stamp"),
    )
    return np.array(list(there), dtype=np.int64), list(there.values()), summary


def _read_sensor(sensor: Path, options: RecordingOptions) -> tuple[Camera | None, Poses]:
    """Camera and body_T_camera of ``sensor.yaml``."""
    file = sensor / "sensor.yaml"
    if not file.is_file():
        if options.camera is None or options.base_T_camera is None:
            raise DatasetError(
                f"{file}: no such file; without it give the intrinsics (--camera FILE, such as Kalibr's camchain.yaml) "
                "and where the camera sits on the body that the truth is of (--mount X Y Z ROLL PITCH YAW)"
            )
        return None, options.base_T_camera
    values = read_yaml(file)
    camera = None if options.camera is not None else camera_from_yaml(values, file)
    if "T_BS" in values:
        return camera, body_T_sensor(values["T_BS"], file)
    if options.base_T_camera is None:
        raise DatasetError(f"{file}: no T_BS, the mount of the camera; give --mount X Y Z ROLL PITCH YAW")
    return camera, options.base_T_camera


class _EurocFrames:
    """Reader of single pictures; a class and no closure, so that data loaders can send it to their workers."""

    def __init__(self, pictures: tuple[Path, ...], camera: Camera) -> None:
        self._pictures, self._camera = pictures, camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return picture_files.read_rgb(self._pictures[position], self._camera)
