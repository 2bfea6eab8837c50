"""Formats of recordings: how each is recognised, its reader, and its options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localization_common.datasets.cambridge import (
    is_cambridge_drive,
    read_cambridge,
)
from localization_common.datasets.colmap import read_colmap
from localization_common.datasets.colmap_model import model_folder
from localization_common.datasets.deeploc import read_deeploc
from localization_common.datasets.euroc import euroc_folder, read_euroc
from localization_common.datasets.kitti_odometry import read_kitti_odometry
from localization_common.datasets.options import NONE, SFM, RecordingOptions
from localization_common.datasets.phone_captures import is_polycam, is_record3d, read_polycam, read_record3d
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.seven_scenes import SPLIT_FILES, read_seven_scenes
from localization_common.datasets.transforms_json import NAME, read_transforms
from localization_common.datasets.tum_rgbd import read_tum_rgbd
from localization_common.errors import DatasetError

#: Endings of bags' files: rosbag2's, each also as compressed by the recorder, and ROS 1's.
_ROSBAG2 = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
BAG_SUFFIXES = (*_ROSBAG2, ".bag")
Reader = Callable[[Path, RecordingOptions], Sequence]


@dataclass(frozen=True)
class RecordingFormat:
    """Format of recordings.

    Attributes:
        name: name for people.
        holds: files by which the format is recognised, for people.
        found: returns True for a path of this format; it checks names only.
        read: reader of the format.
        options: fields of `RecordingOptions` that the format has.
    """

    name: str
    holds: str
    found: Callable[[Path], bool]
    read: Reader
    options: tuple[str, ...]


def is_bag(path: Path) -> bool:
    """Check whether this is a bag: a file, or a directory with ``metadata.yaml`` or with files of rosbag2."""
    if path.is_file():
        return path.name.endswith(BAG_SUFFIXES)
    if not path.is_dir() or euroc_folder(path) is not None:
        return False
    return (path / "metadata.yaml").is_file() or any(entry.name.endswith(_ROSBAG2) for entry in path.iterdir())


def _read_bag(path: Path, options: RecordingOptions) -> Sequence:
    # Imported late: reading bags needs rosbags, an extra that other formats do not need.
    from localization_common.datasets.bags.reader import read_bag

    return read_bag(path, options)


_FRAMES = ("frame-*.color.*", "frame-*.pose.txt")
_ALL = ("topics", "base_frame", "mount", "camera", "poses", "max_pose_gap")
_TIMED = ("mount", "camera", "poses", "max_pose_gap")
_UNTIMED = ("mount", "camera")

#: Formats in the order in which they are tried.
FORMATS = (
    RecordingFormat(
        "rosbag2 or ROS 1 bag", ".mcap, .db3 (also .zstd), .bag or metadata.yaml", is_bag, _read_bag, (*_ALL, NONE)
    ),
    RecordingFormat("EuRoC", "mav0/cam0/data.csv", lambda path: euroc_folder(path) is not None, read_euroc, _TIMED),
    RecordingFormat("TUM RGB-D", "rgb.txt", lambda path: (path / "rgb.txt").is_file(), read_tum_rgbd, _TIMED),
    RecordingFormat(
        "transforms.json",
        NAME,
        lambda path: (path / NAME).is_file() or (path.suffix == ".json" and path.name.startswith("transforms")),
        read_transforms,
        _UNTIMED,
    ),
    RecordingFormat("Polycam", "keyframes/images and keyframes/cameras", is_polycam, read_polycam, _UNTIMED),
    RecordingFormat("Record3D", "metadata.json and rgb", is_record3d, read_record3d, _UNTIMED),
    RecordingFormat(
        "COLMAP", "cameras and images in sparse/0", lambda p: model_folder(p) is not None, read_colmap, _UNTIMED
    ),
    RecordingFormat(
        "DeepLoc", "LeftImages, poses.txt", lambda path: (path / "LeftImages").is_dir(), read_deeploc, _UNTIMED
    ),
    RecordingFormat(
        "KITTI odometry",
        "image_0, times.txt, calib.txt",
        lambda path: (path / "times.txt").is_file() or (path / "calib.txt").is_file(),
        read_kitti_odometry,
        _TIMED,
    ),
    RecordingFormat(
        "7-Scenes",
        "frame-XXXXXX.color.png",
        lambda path: any(any(path.glob(pattern)) for pattern in _FRAMES),
        read_seven_scenes,
        (*_UNTIMED, SFM),
    ),
    RecordingFormat(
        "Cambridge Landmarks", "dataset_train.txt in the folder above", is_cambridge_drive, read_cambridge, _UNTIMED
    ),
)


def is_scene(path: Path) -> bool:
    """Check whether this is a scene directory of 7-Scenes, with its split files."""
    return any((path / name).is_file() for name in SPLIT_FILES.values())


def is_deeploc(path: Path) -> bool:
    """Check whether this is the directory of DeepLoc, which holds ``train`` and ``test``."""
    return any((path / split / "LeftImages").is_dir() for split in SPLIT_FILES)


def format_of(path: Path) -> RecordingFormat:
    """Format of a recording.

    Raises:
        DatasetError: nothing is there, it holds several recordings, or no format is recognised.
    """
    if not path.exists():
        raise DatasetError(f"{path}: no such file or directory")
    found = detect(path)
    if found is not None:
        return found
    inner = [entry.name for entry in sorted(path.iterdir()) if detect(entry) is not None] if path.is_dir() else []
    if inner:
        raise DatasetError(f"{path}: holds {len(inner)} sequences ({', '.join(inner[:5])}...); give one of them")
    if path.suffix == ".r3d":
        raise DatasetError(f"{path}: an archive of Record3D; unpack it (unzip) and give the directory")
    if path.name.endswith(".bag.active"):
        raise DatasetError(
            f"{path}: the recorder was killed; where ROS 1 is installed, type: rosbag reindex {path}, and rename it to "
            f"{path.stem}"
        )
    known = "; ".join(f"{one.name} ({one.holds})" for one in FORMATS)
    raise DatasetError(f"{path}: format not recognised; looked for {known}")


def detect(path: Path) -> RecordingFormat | None:
    """Format of the recording at this path, or None; only names are checked."""
    return next((one for one in FORMATS if one.found(path)), None) if path.exists() else None


def named(name: str) -> RecordingFormat:
    """Format of this name."""
    return next(one for one in FORMATS if one.name == name)


def require_known(path: Path, found: RecordingFormat, options: RecordingOptions) -> None:
    """Refuse options that a format does not have.

    Raises:
        DatasetError: there are such options; the text names them as on command lines.
    """
    given = {
        "topics": options.topics != BagTopics(),
        "base_frame": bool(options.base_frame),
        "mount": options.mount is not None,
        "camera": options.camera is not None,
        "poses": options.pose_file is not None,
        SFM: options.poses == SFM,
        NONE: options.poses == NONE,
        "max_pose_gap": options.max_pose_gap is not None,
    }
    unknown = [name for name, is_given in given.items() if is_given and name not in found.options]
    if unknown:
        names = ", ".join(
            f"--poses {name}" if name in (SFM, NONE) else f"--{name.replace('_', '-')}" for name in unknown
        )
        reason = "; it has no times" if "poses" in unknown and found.options != _ALL else ""
        raise DatasetError(f"{path}: {names}: {found.name} has no such option{reason}")
