"""7-Scenes: ``<scene>/seq-XX/frame-XXXXXX.{color.png,depth.png,pose.txt}``, recorded with a Kinect.

Shotton et al., Scene Coordinate Regression Forests for Camera Relocalization in RGB-D Images, CVPR 2013.

Camera that is evaluated: the original poses are the *depth* camera's, from KinectFusion. As in all published results,
they are taken for the colour images' poses; the unpublished offset between the two cameras (about 2.5 cm) is the same
in training and test, so a network learns it. The SfM pseudo ground truth is the *colour* camera's: see
`seven_scenes_sfm`. Depth is resampled from the depth camera's focal length (585) to the colour camera's (525), as if
both had one centre, so that depth and colour of a `Sequence` agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import frame_files, picture_files
from localization_common.datasets.options import SFM, RecordingOptions
from localization_common.datasets.picture_camera import choose_camera
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.seven_scenes_sfm import read_sfm_poses
from localization_common.datasets.summary import FRAMES, Finding, LeftOut, ReadingSummary
from localization_common.errors import DatasetError
from localization_common.files.text_files import read_lines

COLOUR_CAMERA = Camera(640, 480, 525.0, 525.0, 320.0, 240.0)
DEPTH_CAMERA = Camera(640, 480, 585.0, 585.0, 320.0, 240.0)
FRAMES_PER_SECOND = 30
INVALID_DEPTH = (0, 65535)
SPLIT_FILES = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}

_UNKNOWN = np.full((4, 4), np.nan)
_COLOUR_NAME = re.compile(r"frame-([0-9]{1,9})\.color\.(?:png|jpg|jpeg)$")
_POSE_NAME = re.compile(r"frame-([0-9]{1,9})\.pose\.txt$")


def read_seven_scenes(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of one directory (``seq-XX``). Frame numbers may have gaps; stamps are frame numbers at 30 Hz.

    Colour may be PNG or JPEG, in any size of the original's shape (intrinsics are scaled). The pose of a frame is
    unknown where it has no ``pose.txt``, or one with infinity or NaN in it (lost tracking, as ScanNet marks it). Depth
    is NaN where a frame has none.

    Args:
        path: for example ``7scenes/redkitchen/seq-01``.
        options: ``camera``; ``poses="sfm"`` takes poses and focal length of `read_sfm_poses`.

    Raises:
        DatasetError: no frames, or several pose files hold no rigid transform.
    """
    options = options or RecordingOptions()
    directory = frame_files.require_directory(path)
    pictures = {int(match[1]): file for file in directory.iterdir() if (match := _COLOUR_NAME.match(file.name))}
    if not pictures:
        raise DatasetError(f"{directory}: no frame-XXXXXX.color.png or .color.jpg; give a seq-XX directory of 7-Scenes")
    numbers = np.array(sorted(pictures), dtype=np.int64)
    in_order = tuple(pictures[number] for number in numbers.tolist())
    stems = [directory / file.name.split(".", 1)[0] for file in in_order]
    summary = ReadingSummary(f"{directory} (7-Scenes)").with_found(Finding("frames", f"{len(numbers)}"))
    summary = summary.with_left_out(_posed_only(directory, pictures))
    if options.poses == SFM:
        stated, known = _read_sfm(directory)
        map_T_camera = np.stack([known.get(number, _UNKNOWN) for number in numbers.tolist()])
        if not np.isfinite(map_T_camera).any():
            raise DatasetError(f"{directory}: none of its {len(pictures)} frames has an SfM pose")
        origin, assumed = "the SfM pseudo ground truth", False
    else:
        stated, origin, assumed = COLOUR_CAMERA, "a Kinect's nominal, as usual for 7-Scenes", True
        map_T_camera, summary = _read_poses(stems, summary)
    camera, summary = choose_camera(in_order, options, summary, stated=stated, origin=origin, assumed=assumed)
    depth_files = tuple(file if (file := Path(f"{stem}.depth.png")).is_file() else None for stem in stems)
    if any(depth_files):
        summary = summary.with_found(Finding("depth", f"{sum(map(bool, depth_files))} of {len(numbers)} frames"))
    frames = _SevenScenesFrames(in_order, depth_files, camera)
    return Sequence(
        name=f"{directory.resolve().parent.name}/{directory.resolve().name}",
        camera=camera,
        frame_numbers=numbers,
        stamps=numbers * 1_000_000_000 // FRAMES_PER_SECOND,
        map_T_camera=map_T_camera,
        read_image=frames.image,
        read_depth=frames.depth if any(depth_files) else None,
        summary=summary.with_assumed(f"the frames are 1/{FRAMES_PER_SECOND} s apart (the files hold no times)"),
    )


def _posed_only(directory: Path, pictures: dict[int, Path]) -> LeftOut:
    """Entry for frames that have a pose, but no picture."""
    numbered = (_POSE_NAME.match(file.name) for file in directory.iterdir())
    missing = sorted(match[0] for match in numbered if match and int(match[1]) not in pictures)
    return LeftOut(len(missing), FRAMES, "the picture is missing", frame_files.shown(missing))


def _read_poses(stems: list[Path], summary: ReadingSummary) -> tuple[npt.NDArray[np.float64], ReadingSummary]:
    """Poses (N, 4, 4) of frames, NaN where unknown; the summary counts each reason.

    Raises:
        DatasetError: more than a tenth of the files are malformed.
    """
    poses = np.full((len(stems), 4, 4), np.nan)
    absent, infinite, malformed = [], [], []
    for i, stem in enumerate(stems):
        file = Path(f"{stem}.pose.txt")
        if not file.is_file():
            absent.append(file.name)
            continue
        try:
            pose = frame_files.read_numbers(file, 4)
            if pose.shape != (4, 4):
                raise DatasetError(f"{file}: {len(pose)} lines, not 4; a pose is a 4x4 camera-to-world matrix")
            if not np.isfinite(pose).all():
                infinite.append(file.name)
                continue
            poses[i] = frame_files.require_rigid(pose, file)
        except DatasetError as error:
            malformed.append(str(error))
    if len(malformed) > 0.1 * len(stems):
        raise DatasetError(f"{malformed[0]} ({len(malformed)} of {len(stems)} pose files are malformed)")
    reasons = (
        ("the pose file is missing", absent),
        ("the pose holds NaN or infinity", infinite),
        ("the pose file is malformed", malformed),
    )
    for reason, names in reasons:
        summary = summary.with_left_out(LeftOut(len(names), "poses", reason, frame_files.shown(names)))
    return poses, summary


def read_seven_scenes_split(scene: str | Path, split: str, options: RecordingOptions | None = None) -> list[Sequence]:
    """Sequences of a scene directory that ``TrainSplit.txt`` or ``TestSplit.txt`` names (lines ``sequenceN``).

    Args:
        scene: for example ``7scenes/redkitchen``.
        split: ``train`` or ``test``.
        options: options of reading, see `read_seven_scenes`.

    Raises:
        DatasetError: unknown split, split file missing or malformed, or a sequence missing.
    """
    directory = frame_files.require_directory(scene)
    if split not in SPLIT_FILES:
        raise DatasetError(f"{directory}: split {split!r} is unknown; use one of {sorted(SPLIT_FILES)}")
    file = directory / SPLIT_FILES[split]
    sequences = []
    for number, line in read_lines(file):
        match = re.fullmatch(r"(?:sequence|seq-)\s*(\d+)", line)
        if match is None:
            raise DatasetError(f"{file}:{number}: {line!r} is not of the form sequenceN")
        sequences.append(read_seven_scenes(directory / f"seq-{int(match[1]):02d}", options))
    return sequences


def _read_sfm(directory: Path) -> tuple[Camera, dict[int, npt.NDArray[np.float64]]]:
    sfm = read_sfm_poses(directory)
    return replace(COLOUR_CAMERA, fx=sfm.focal_length, fy=sfm.focal_length), sfm.map_T_camera


@dataclass(frozen=True)
class _SevenScenesFrames:
    """Reader of single pictures; a class and no closure, so that data loaders can send it to their workers."""

    colour_files: tuple[Path, ...]
    depth_files: tuple[Path | None, ...]
    camera: Camera

    def image(self, position: int) -> npt.NDArray[np.uint8]:
        return picture_files.read_rgb(self.colour_files[position], self.camera)

    def depth(self, position: int) -> npt.NDArray[np.float32]:
        file = self.depth_files[position]
        if file is None:
            return np.full((self.camera.height, self.camera.width), np.nan, dtype=np.float32)
        depth = picture_files.read_depth(file, units_per_metre=1000.0, invalid=INVALID_DEPTH)
        height, width = depth.shape
        return register_depth(depth, DEPTH_CAMERA.resized(width, height), self.camera)


def register_depth(depth: npt.NDArray[np.float32], source: Camera, target: Camera) -> npt.NDArray[np.float32]:
    """Resample depth (H, W) to another camera at the same place and angle; NaN outside of the first camera's view.

    Depth is measured along the optical axis, which both share, so values stay and only pixels move (nearest, because
    an average over an edge would be a surface that does not exist).
    """
    u = (np.arange(target.width) - target.cx) / target.fx * source.fx + source.cx
    v = (np.arange(target.height) - target.cy) / target.fy * source.fy + source.cy
    grid_u, grid_v = np.meshgrid(u.astype(np.float32), v.astype(np.float32))
    registered = cv2.remap(
        depth, grid_u, grid_v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(np.nan,)
    )
    return np.asarray(registered, dtype=np.float32)
