"""7-Scenes: ``<scene>/seq-XX/frame-XXXXXX.{color.png,depth.png,pose.txt}``, recorded with a Kinect.

Shotton et al., Scene Coordinate Regression Forests for Camera Relocalization in RGB-D Images, CVPR 2013.

Which camera is evaluated: the original poses are the *depth* camera's, from KinectFusion. As in all published results,
they are taken for the colour images' poses; the unpublished offset between the two cameras (about 2.5 cm) is the same
in training and test, so a network learns it. The SfM pseudo ground truth is the *colour* camera's: see
`seven_scenes_sfm`. Depth is resampled from the depth camera's focal length (585) to the colour
camera's (525), as if both had one centre, so that depth and colour of a `Sequence` agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import files
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.seven_scenes_sfm import read_sfm_poses
from localization_common.errors import DatasetError

COLOUR_CAMERA = Camera(640, 480, 525.0, 525.0, 320.0, 240.0)
DEPTH_CAMERA = Camera(640, 480, 585.0, 585.0, 320.0, 240.0)
FRAMES_PER_SECOND = 30
INVALID_DEPTH = (0, 65535)
SPLIT_FILES = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}

#: Which ground truth: KinectFusion's, or structure from motion's.
GroundTruth = Literal["original", "sfm"]

_COLOUR_NAME = re.compile(r"frame-(\d+)\.color\.(?:png|jpg|jpeg)$")


def read_seven_scenes(path: str | Path, *, poses: GroundTruth = "original") -> Sequence:
    """One sequence directory (``seq-XX``). Frame numbers may have gaps; stamps are 30 Hz times the frame number.

    Colour may be PNG or JPEG, in any size of the original's shape (intrinsics are scaled). Depth is offered where all
    frames have it.

    Args:
        path: for example ``7scenes/redkitchen/seq-01``.
        poses: ``original``, from the ``pose.txt`` files, or ``sfm``: poses and focal length of `read_sfm_poses`, and
            only the frames that have one.

    Raises:
        DatasetError: no frames, or a frame without pose, or a pose file that holds no rigid transform.
    """
    directory = files.require_directory(path)
    pictures = {int(match[1]): file for file in directory.iterdir() if (match := _COLOUR_NAME.match(file.name))}
    if not pictures:
        raise DatasetError(f"{directory}: no frame-XXXXXX.color.png or .color.jpg; give a seq-XX directory of 7-Scenes")
    stems = {number: file.name.split(".", 1)[0] for number, file in pictures.items()}
    if poses == "sfm":
        camera, known = _read_sfm(directory)
        numbers = np.array(sorted(pictures.keys() & known.keys()), dtype=np.int64)
        if len(numbers) == 0:
            raise DatasetError(f"{directory}: none of its {len(pictures)} frames has an SfM pose")
        map_T_camera = np.stack([known[number] for number in numbers.tolist()])
    else:
        camera, numbers = COLOUR_CAMERA, np.array(sorted(pictures), dtype=np.int64)
        map_T_camera = np.stack([_read_pose(directory / f"{stems[number]}.pose.txt") for number in numbers.tolist()])
    first = files.read_rgb(pictures[int(numbers[0])])
    camera = camera.resized(first.shape[1], first.shape[0]) if first.shape[:2] != (480, 640) else camera
    depth_files = tuple(directory / f"{stems[number]}.depth.png" for number in numbers.tolist())
    frames = _Frames(tuple(pictures[number] for number in numbers.tolist()), depth_files, camera)
    return Sequence(
        name=f"{directory.resolve().parent.name}/{directory.resolve().name}",
        camera=camera,
        frame_numbers=numbers,
        stamps=numbers * 1_000_000_000 // FRAMES_PER_SECOND,
        map_T_camera=map_T_camera,
        read_image=frames.image,
        read_depth=frames.depth if all(file.is_file() for file in depth_files) else None,
    )


def read_seven_scenes_split(scene: str | Path, split: str, *, poses: GroundTruth = "original") -> list[Sequence]:
    """Sequences of a scene directory that ``TrainSplit.txt`` or ``TestSplit.txt`` names (lines ``sequenceN``).

    Args:
        scene: for example ``7scenes/redkitchen``.
        split: ``train`` or ``test``.
        poses: as in `read_seven_scenes`.

    Raises:
        DatasetError: unknown split, split file missing or malformed, or a sequence missing.
    """
    directory = files.require_directory(scene)
    if split not in SPLIT_FILES:
        raise DatasetError(f"{directory}: split {split!r} is unknown; use one of {sorted(SPLIT_FILES)}")
    file = directory / SPLIT_FILES[split]
    sequences = []
    for number, line in files.read_lines(file):
        match = re.fullmatch(r"(?:sequence|seq-)\s*(\d+)", line)
        if match is None:
            raise DatasetError(f"{file}:{number}: {line!r} is not of the form sequenceN")
        sequences.append(read_seven_scenes(directory / f"seq-{int(match[1]):02d}", poses=poses))
    return sequences


def _read_sfm(directory: Path) -> tuple[Camera, dict[int, npt.NDArray[np.float64]]]:
    sfm = read_sfm_poses(directory)
    return replace(COLOUR_CAMERA, fx=sfm.focal_length, fy=sfm.focal_length), sfm.map_T_camera


def _read_pose(path: Path) -> npt.NDArray[np.float64]:
    pose = files.read_numbers(path, 4)
    if pose.shape != (4, 4):
        raise DatasetError(f"{path}: {len(pose)} lines, not 4; a pose is a 4x4 camera-to-world matrix")
    return files.require_rigid(pose, path)


@dataclass(frozen=True)
class _Frames:
    """Reads pictures when asked; a class and no closure, so that data loaders can send it to their workers."""

    colour_files: tuple[Path, ...]
    depth_files: tuple[Path, ...]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return files.read_rgb(self.colour_files[position], self.camera)

    def depth(self, position: int) -> npt.NDArray[np.float32]:
        depth = files.read_depth(self.depth_files[position], units_per_metre=1000.0, invalid=INVALID_DEPTH)
        height, width = depth.shape
        return register_depth(depth, DEPTH_CAMERA.resized(width, height), self.camera)


def register_depth(depth: npt.NDArray[np.float32], source: Camera, target: Camera) -> npt.NDArray[np.float32]:
    """Depth (H, W) of one camera as another at the same place and angle sees it; NaN where the first does not see.

    Depth is measured along the optical axis, which both share, so values stay and only pixels move (nearest, since an
    average over an edge would be a surface that does not exist).
    """
    u = (np.arange(target.width) - target.cx) / target.fx * source.fx + source.cx
    v = (np.arange(target.height) - target.cy) / target.fy * source.fy + source.cy
    grid_u, grid_v = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
    registered = cv2.remap(
        depth, grid_u, grid_v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(np.nan,)
    )
    return np.asarray(registered, dtype=np.float32)
