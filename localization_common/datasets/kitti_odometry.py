"""KITTI odometry: ``image_0/NNNNNN.png``, ``times.txt``, ``calib.txt``, and poses in ``poses.txt``.

Geiger et al., Are we ready for Autonomous Driving? The KITTI Vision Benchmark Suite, CVPR 2012. Images are rectified.
The map is the first left grey camera's optical frame (x right, y down, z forward), as in the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import files
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError


def read_kitti_odometry(path: str | Path, *, camera: int = 0) -> Sequence:
    """One sequence directory. Grey images become RGB with three equal channels.

    Args:
        path: directory with ``image_0``, ``times.txt``, ``calib.txt``; the poses are ``poses.txt`` in it, or
            ``../../poses/<name>.txt`` as in the original layout.
        camera: 0, 1 (grey, left and right), 2, 3 (colour): the images ``image_<camera>`` and that camera's poses.

    Raises:
        DatasetError: a file is missing or malformed, or an image has no time or pose.
    """
    directory = files.require_directory(path)
    pictures = {int(file.stem): file for file in (directory / f"image_{camera}").glob("*.png") if file.stem.isdigit()}
    if not pictures:
        raise DatasetError(f"{directory}/image_{camera}: no NNNNNN.png images; which of image_0..image_3 was copied?")
    numbers = np.array(sorted(pictures), dtype=np.int64)
    times = files.read_numbers(directory / "times.txt", 1)[:, 0]
    pose_file = _pose_file(directory)
    rows = files.read_numbers(pose_file, 12)
    for file, count in ((directory / "times.txt", len(times)), (pose_file, len(rows))):
        if numbers[-1] >= count:
            raise DatasetError(f"{file}: {count} lines, but image {numbers[-1]:06d} needs line {numbers[-1] + 1}")
    projection = _read_projection(directory / "calib.txt", camera)
    first = files.read_rgb(pictures[int(numbers[0])])
    intrinsics = Camera(
        width=first.shape[1],
        height=first.shape[0],
        fx=float(projection[0, 0]),
        fy=float(projection[1, 1]),
        cx=float(projection[0, 2]),
        cy=float(projection[1, 2]),
    )
    poses = np.tile(np.eye(4), (len(numbers), 1, 1))
    poses[:, :3] = rows[numbers].reshape(-1, 3, 4)
    frames = _Frames(tuple(pictures[int(number)] for number in numbers), intrinsics)
    return Sequence(
        name=f"kitti/{directory.resolve().name}",
        camera=intrinsics,
        frame_numbers=numbers,
        stamps=np.round(times[numbers] * 1e9).astype(np.int64),
        map_T_camera=files.require_rigid(poses, pose_file) @ _grey_T_camera(projection),
        read_image=frames.image,
    )


def _pose_file(directory: Path) -> Path:
    original = directory.resolve().parent.parent / "poses" / f"{directory.resolve().name}.txt"
    beside = directory / "poses.txt"
    if not beside.is_file() and not original.is_file():
        raise DatasetError(f"{directory}: neither {beside} nor {original} exists; KITTI has poses for 00 to 10 only")
    return beside if beside.is_file() else original


def _read_projection(path: Path, camera: int) -> npt.NDArray[np.float64]:
    """Projection matrix (3, 4) of a camera: intrinsics times [identity | offset from camera 0]."""
    for number, line in files.read_lines(path):
        name, _, numbers = line.partition(":")
        if name.strip() != f"P{camera}":
            continue
        try:
            projection = np.array([float(word) for word in numbers.split()]).reshape(3, 4)
        except ValueError as error:
            raise DatasetError(f"{path}:{number}: P{camera} is not a 3x4 matrix ({error})") from error
        return projection
    raise DatasetError(f"{path}: no line P{camera}:, the camera's projection matrix")


def _grey_T_camera(projection: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pose (4, 4) of a rectified camera in camera 0: a point of camera 0 is seen at K (X + offset)."""
    grey_T_camera = np.eye(4)
    grey_T_camera[:3, 3] = -np.linalg.solve(projection[:, :3], projection[:, 3])
    return grey_T_camera


@dataclass(frozen=True)
class _Frames:
    files: tuple[Path, ...]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return files.read_rgb(self.files[position], self.camera)
