"""KITTI odometry: ``image_0/NNNNNN.png``, ``times.txt``, ``calib.txt``, and poses in ``poses.txt``.

Geiger et al., Are we ready for Autonomous Driving? The KITTI Vision Benchmark Suite, CVPR 2012. Images are rectified.
The map is the first left grey camera's optical frame (x right, y down, z forward), as in the files.
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
from localization_common.errors import CameraError, DatasetError
from localization_common.files.text_files import read_lines

_NUMBER = re.compile(r"[0-9]{1,9}")


def read_kitti_odometry(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of one directory. Grey images become RGB with three equal channels.

    The camera is the first that has images: 0, 1 (grey, left and right), 2, 3 (colour).

    Args:
        path: directory with ``image_0``, ``times.txt``, ``calib.txt``; the poses are ``poses.txt`` in it, or
            ``../../poses/<name>.txt`` as in the original layout.
        options: ``camera`` in place of ``calib.txt``'s intrinsics.

    Raises:
        DatasetError: a file is missing or malformed, or an image has no time.
    """
    options = options or RecordingOptions()
    directory = frame_files.require_directory(path)
    summary = ReadingSummary(f"{directory} (KITTI odometry)")
    camera, pictures, summary = _images(directory, summary)
    numbers = np.array(sorted(pictures), dtype=np.int64)
    stamps, summary = _stamps(directory / "times.txt", numbers, summary)
    projection = _read_projection(directory / "calib.txt", camera)
    in_order = tuple(pictures[int(number)] for number in numbers)
    stated = None if options.camera is not None else _stated(projection, in_order, directory / "calib.txt", camera)
    intrinsics, summary = choose_camera(in_order, options, summary, stated=stated, origin=f"P{camera} of calib.txt")
    poses, summary = _poses(directory, numbers, options, summary)
    frames = _KittiFrames(in_order, intrinsics)
    return Sequence(
        name=f"kitti/{directory.resolve().name}",
        camera=intrinsics,
        frame_numbers=numbers,
        stamps=stamps,
        map_T_camera=poses @ _grey_T_camera(projection),
        read_image=frames.image,
        summary=summary,
    )


def _stamps(
    path: Path, numbers: npt.NDArray[np.int64], summary: ReadingSummary
) -> tuple[npt.NDArray[np.int64], ReadingSummary]:
    """Nanoseconds (N,) of these images: line i + 1 is the time of image i, seconds."""
    times = frame_files.read_numbers(path, 1)[:, 0]
    if numbers[-1] >= len(times):
        raise DatasetError(f"{path}: {len(times)} lines, but image {numbers[-1]:06d} needs line {numbers[-1] + 1}")
    used = times[numbers]
    wrong = ~(np.isfinite(used) & (np.abs(used) < 4e9) & (np.diff(used, prepend=-np.inf) > 0))
    if wrong.any():
        number = int(numbers[wrong.argmax()])
        raise DatasetError(
            f"{path}:{number + 1}: {times[number]} of image {number:06d} is not later than the image before"
        )
    missing = np.setdiff1d(np.arange(len(times)), numbers)
    examples = frame_files.shown(f"{number:06d}" for number in missing)
    left_out = LeftOut(len(missing), FRAMES, f"{path.name} has a line, but the image is missing", examples)
    return np.round(used * 1e9).astype(np.int64), summary.with_left_out(left_out)


def _images(directory: Path, summary: ReadingSummary) -> tuple[int, dict[int, Path], ReadingSummary]:
    """Camera that is taken, and its images by number."""
    found = {camera: _numbered(directory / f"image_{camera}") for camera in range(4)}
    there = [camera for camera, images in found.items() if images]
    if not there:
        raise DatasetError(f"{directory}: no NNNNNN.png images in any of image_0, image_1, image_2, image_3")
    others = ", ".join(f"image_{camera}" for camera in there[1:])
    text = f"{len(found[there[0]])} in image_{there[0]}" + (f"; {others} not used" if others else "")
    return there[0], found[there[0]], summary.with_found(Finding("images", text))


def _numbered(folder: Path) -> dict[int, Path]:
    return {int(file.stem): file for file in folder.glob("*.png") if _NUMBER.fullmatch(file.stem)}


def _stated(projection: npt.NDArray[np.float64], pictures: tuple[Path, ...], path: Path, number: int) -> Camera:
    """Camera of a projection matrix; its size, which the matrix lacks, is that of the first image that can be read.

    Raises:
        DatasetError: the principal point is not near the middle of the images: the matrix is for another size.
    """
    width, height = picture_files.first_size(pictures)[0]
    fx, fy, cx, cy = (float(projection[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    if not (abs(cx / width - 0.5) < 0.25 and abs(cy / height - 0.5) < 0.25):
        raise DatasetError(
            f"{path}: P{number} has the principal point ({cx:g}, {cy:g}), but the images are {width}x{height}; were "
            "they resized? give their intrinsics with --camera FILE"
        )
    try:
        return Camera(width, height, fx, fy, cx, cy)
    except CameraError as error:
        raise DatasetError(f"{path}: P{number}: {error}") from error


def _poses(
    directory: Path, numbers: npt.NDArray[np.int64], options: RecordingOptions, summary: ReadingSummary
) -> tuple[npt.NDArray[np.float64], ReadingSummary]:
    """Poses map_T_grey (N, 4, 4) of camera 0 at these images; NaN where there is none."""
    poses = np.full((len(numbers), 4, 4), np.nan)
    if options.pose_file is not None:
        return poses, summary
    pose_file = _pose_file(directory)
    if pose_file is None:
        sentence = f"no poses.txt, and no poses/{directory.resolve().name}.txt: KITTI has poses for 00 to 10 only"
        return poses, summary.with_found(Finding("truth", sentence))
    rows = frame_files.read_numbers(pose_file, 12)
    known = (numbers < len(rows)) & np.isfinite(rows[np.minimum(numbers, len(rows) - 1)]).all(axis=1)
    poses[known] = np.eye(4)
    poses[known, :3] = rows[numbers[known]].reshape(-1, 3, 4)
    poses[known] = frame_files.require_rigid(poses[known], pose_file)
    return poses, summary.with_found(Finding("truth", f"{len(rows)} lines in {pose_file.name}"))


def _pose_file(directory: Path) -> Path | None:
    original = directory.resolve().parent.parent / "poses" / f"{directory.resolve().name}.txt"
    return next((file for file in (directory / "poses.txt", original) if file.is_file()), None)


def _read_projection(path: Path, camera: int) -> npt.NDArray[np.float64]:
    """Projection matrix (3, 4) of a camera: intrinsics times [identity | offset from camera 0]."""
    for number, line in read_lines(path):
        name, _, numbers = line.partition(":")
        if name.strip() != f"P{camera}":
            continue
        try:
            projection = np.array([float(word) for word in numbers.split()]).reshape(3, 4)
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: P{camera} is not a 3x4 matrix ({error})") from error
        if not (np.isfinite(projection).all() and np.linalg.matrix_rank(projection[:, :3]) == 3):
            raise DatasetError(f"{path}:{number}: P{camera} is not of the form fx 0 cx x, 0 fy cy y, 0 0 1 z: {line}")
        return projection
    raise DatasetError(f"{path}: no line P{camera}:, the camera's projection matrix")


def _grey_T_camera(projection: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pose (4, 4) of a rectified camera in camera 0, which projects a point X of camera 0 to K (X + offset)."""
    grey_T_camera = np.eye(4)
    grey_T_camera[:3, 3] = -np.linalg.solve(projection[:, :3], projection[:, 3])
    return grey_T_camera


@dataclass(frozen=True)
class _KittiFrames:
    files: tuple[Path, ...]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return picture_files.read_rgb(self.files[position], self.camera)
