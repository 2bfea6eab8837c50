"""Cambridge Landmarks: ``dataset_train.txt``, ``dataset_test.txt``, ``reconstruction.nvm`` and folders of pictures.

Kendall, Grimes and Cipolla, PoseNet: A Convolutional Network for Real-Time 6-DOF Camera Relocalization, ICCV 2015.
Three lines of heading, then ``ImageFile, Camera Position [X Y Z W P Q R]``: X Y Z is the position of the camera in the
map, metres; W P Q R is a quaternion, w first, that turns *map* to camera (as in the reconstruction, and as DSAC* and
ACE read it), not camera to map. Focal length and radial distortion of each picture are in the reconstruction of
VisualSFM (NVM_V3). Its pictures end in .jpg, those of the lists in .png; the principal point is the middle.

Each folder, such as ``seq1``, is one drive: one `Sequence`.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.datasets import frame_files
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.posed_pictures import PosedPicture, sequence_of
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import Finding, ReadingSummary
from localization_common.errors import CameraError, DatasetError
from localization_common.files.text_files import read_lines
from localization_common.geometry import se3

LISTS = {"train": "dataset_train.txt", "test": "dataset_test.txt"}
RECONSTRUCTION = "reconstruction.nvm"
#: Metres; a picture further away from the map's origin was not reconstructed correctly (ACE leaves it out, too).
_FARTHEST = 10_000.0
#: Width and height of the published pictures.
_SIZE = (1920, 1080)
_HEADINGS = ("Visual Landmark", "ImageFile")

Poses = npt.NDArray[np.float64]


def is_cambridge_scene(path: Path) -> bool:
    """Check whether the directory holds the lists of a scene."""
    return any((path / name).is_file() for name in LISTS.values())


def is_cambridge_drive(path: Path) -> bool:
    """Check whether the directory is a folder of pictures that its parent's lists name."""
    return path.is_dir() and is_cambridge_scene(path.absolute().parent) and any(path.glob("*.png"))


def read_cambridge(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of one folder of a scene, for example ``KingsCollege/seq2``, from either list.

    Raises:
        DatasetError: no list names it, a file is malformed, or no focal lengths are known.
    """
    directory = frame_files.require_directory(path)
    scene, folder = directory.absolute().parent, directory.absolute().name
    poses: dict[str, Poses] = {}
    for name in LISTS.values():
        if (scene / name).is_file():
            poses |= {k: v for k, v in _read_list(scene / name).items() if _folder(k) == folder}
    if not poses:
        raise DatasetError(f"{directory}: none of its pictures is named in {' or '.join(LISTS.values())} of {scene}")
    return _sequence(scene, folder, poses, options or RecordingOptions())


def read_cambridge_split(scene: str | Path, split: str, options: RecordingOptions | None = None) -> list[Sequence]:
    """Sequences of the folders that a scene's list names, in order of their names.

    Args:
        scene: for example ``KingsCollege``.
        split: ``train`` or ``test``.
        options: ``camera``.

    Raises:
        DatasetError: the list is missing or malformed, or no focal lengths are known.
    """
    directory = frame_files.require_directory(scene)
    if split not in LISTS:
        raise DatasetError(f"{directory}: split {split!r} is unknown; use one of {sorted(LISTS)}")
    poses = _read_list(directory / LISTS[split])
    folders = sorted({_folder(name) for name in poses}, key=frame_files.natural_key)
    options = options or RecordingOptions()
    drives = {folder: {name: pose for name, pose in poses.items() if _folder(name) == folder} for folder in folders}
    return [_sequence(directory, folder, drive, options) for folder, drive in drives.items()]


def _sequence(scene: Path, folder: str, poses: dict[str, Poses], options: RecordingOptions) -> Sequence:
    cameras: dict[str, Camera] = {}
    if options.camera is None:
        if not (scene / RECONSTRUCTION).is_file():
            raise DatasetError(
                f"{scene / RECONSTRUCTION}: no such file; the focal lengths are in it: copy it, or give --camera FILE"
            )
        cameras = _read_cameras(scene / RECONSTRUCTION)
    pictures = [
        PosedPicture(name, scene / name, cameras.get(str(PurePosixPath(name).with_suffix(""))), pose)
        for name, pose in poses.items()
    ]
    lost = [p.name for p in pictures if p.camera is None]
    if cameras and lost:
        raise DatasetError(f"{scene / RECONSTRUCTION}: has no camera of {lost[0]} ({len(lost)} in all)")
    summary = ReadingSummary(f"{scene / folder} (Cambridge Landmarks)")
    summary = summary.with_found(Finding("poses", f"{len(poses)} are listed"))
    return sequence_of(f"{scene.resolve().name}/{folder}", pictures, options, summary, origin=RECONSTRUCTION)


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent)


def _read_list(path: Path) -> dict[str, Poses]:
    """map_T_camera (4, 4) of each picture's name; NaN where it is not finite or far off."""
    poses: dict[str, Poses] = {}
    for number, line in read_lines(path):
        if line.startswith(_HEADINGS):
            continue
        words = line.split()
        try:
            name = words[0]
            x, y, z, w, p, q, r = (float(word) for word in words[1:])
        except (IndexError, ValueError) as error:
            raise DatasetError(f"{path}:{number}: not 'ImageFile X Y Z W P Q R' ({error}): {line[:60]!r}") from error
        poses[name] = _pose((x, y, z), (w, p, q, r))
    if not poses:
        raise DatasetError(f"{path}: names no pictures")
    return poses


def _pose(position: tuple[float, float, float], camera_q_map: tuple[float, ...]) -> Poses:
    try:
        map_R_camera = se3.from_parts((0.0, 0.0, 0.0), camera_q_map)[:3, :3].T
    except ValueError:
        return np.full((4, 4), np.nan)
    if not np.isfinite(position).all() or np.abs(position).max() > _FARTHEST:
        return np.full((4, 4), np.nan)
    map_T_camera = np.eye(4)
    map_T_camera[:3, :3], map_T_camera[:3, 3] = map_R_camera, position
    return map_T_camera


def _read_cameras(path: Path) -> dict[str, Camera]:
    """Camera of each picture, by its name without ending: ``file f qw qx qy qz x y z radial 0`` lines of NVM_V3."""
    lines = read_lines(path)
    heading, (second, counted) = next(lines)[1], next(lines, (0, ""))
    if not heading.startswith("NVM_V3") or not second:
        raise DatasetError(f"{path}:1: not 'NVM_V3'; is this VisualSFM's reconstruction?")
    try:
        count = int(counted)
        listed = islice(lines, count)
    except ValueError as error:
        raise DatasetError(f"{path}:{second}: not the number of cameras ({error})") from error
    cameras, read = {}, 0
    for number, line in listed:
        read += 1
        words = line.replace('"', " ").split()
        try:
            focal_length, radial = float(words[1]), float(words[9])
            cameras[str(PurePosixPath(words[0]).with_suffix(""))] = _camera(focal_length, radial)
        except (IndexError, ValueError, CameraError) as error:
            raise DatasetError(f"{path}:{number}: not 'file f qw qx qy qz x y z radial 0' ({error})") from error
    if read < count:
        raise DatasetError(f"{path}: ends within its {count} cameras; copy it again")
    return cameras


def _camera(focal_length: float, radial: float) -> Camera:
    """Camera of VisualSFM's numbers.

    VisualSFM undistorts by r -> r (1 + radial r^2), r in focal lengths; the inverse series distorts, as `Camera` does.
    """
    width, height = _SIZE
    k = (-radial, 3.0 * radial**2, 0.0, 0.0, -12.0 * radial**3) if radial else ()
    return Camera(width, height, focal_length, focal_length, (width - 1) / 2.0, (height - 1) / 2.0, "plumb_bob", k)
