"""Opening recorded data whatever its format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from localization_common.datasets.deeploc import read_deeploc
from localization_common.datasets.kitti_odometry import read_kitti_odometry
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.seven_scenes import SPLIT_FILES, read_seven_scenes, read_seven_scenes_split
from localization_common.datasets.tum_rgbd import read_tum_rgbd
from localization_common.errors import DatasetError

BAG_SUFFIXES = (".mcap", ".db3")
Read = TypeVar("Read", Sequence, list[Sequence])


def open_sequence(path: str | Path, **options: Any) -> Sequence:
    """Sequence of a 7-Scenes ``seq-XX``, DeepLoc ``train`` or ``test``, TUM RGB-D or KITTI odometry directory, or of a
    rosbag2 (directory or file).

    Args:
        path: directory, or ``.mcap``/``.db3`` file; the format is told from what is in it.
        options: passed to the format's reader: `read_seven_scenes`, `read_deeploc`, `read_tum_rgbd`,
            `read_kitti_odometry`, `rosbag2.read_rosbag2`.

    Raises:
        DatasetError: nothing there, format unknown, or what the reader says.

    Example:
        >>> sequence = open_sequence("7scenes/redkitchen/seq-01")  # doctest: +SKIP
        >>> train = sequence.without_numbers(FrameRanges.parse("200-239,450-489"))  # doctest: +SKIP
    """
    location = Path(path).expanduser()
    return _call(_reader(location), location, **options)


def open_sequences(path: str | Path, *, split: str = "train", **options: Any) -> list[Sequence]:
    """All sequences under a path: a data set's split, every sequence of a directory of sequences, or the one it is.

    Args:
        path: scene directory of 7-Scenes, directory of DeepLoc, directory whose entries `open_sequence` reads, or one
            sequence.
        split: ``train`` or ``test``, for a directory that has both; ignored elsewhere.
        options: as in `open_sequence`.
    """
    location = Path(path).expanduser()
    if is_scene(location):
        return _call(read_seven_scenes_split, location, split=split, **options)
    if is_deeploc(location):
        return [open_sequence(location / split, **options)]
    if location.is_dir() and _detect(location) is None:
        inner = [entry for entry in sorted(location.iterdir()) if _detect(entry) is not None]
        if inner:
            return [open_sequence(entry, **options) for entry in inner]
    return [open_sequence(location, **options)]


def is_scene(path: Path) -> bool:
    """Whether this is a scene directory of 7-Scenes, with its split files."""
    return any((path / name).is_file() for name in SPLIT_FILES.values())


def is_deeploc(path: Path) -> bool:
    """Whether this is the directory of DeepLoc, which holds ``train`` and ``test``."""
    return any(_detect(path / split) is read_deeploc for split in SPLIT_FILES)


def _call(reader: Callable[..., Read], path: Path, **options: Any) -> Read:
    try:
        return reader(path, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise DatasetError(f"{path}: this format's reader has no such option ({error})") from error


def _reader(path: Path) -> Callable[..., Sequence]:
    if not path.exists():
        raise DatasetError(f"{path}: no such file or directory")
    reader = _detect(path)
    if reader is not None:
        return reader
    inner = [entry.name for entry in sorted(path.iterdir()) if _detect(entry) is not None] if path.is_dir() else []
    if inner:
        raise DatasetError(f"{path}: holds {len(inner)} sequences ({', '.join(inner[:5])}...); give one of them")
    raise DatasetError(
        f"{path}: format not recognised; expected a 7-Scenes sequence (frame-XXXXXX.color.png), DeepLoc (LeftImages, "
        "poses.txt), TUM RGB-D (rgb.txt and groundtruth.txt), KITTI odometry (image_0, times.txt, calib.txt) or a "
        "rosbag2 (.mcap, .db3, metadata.yaml)"
    )


def _detect(path: Path) -> Callable[..., Sequence] | None:
    """Reader for what is at this path, or None; looks at names only."""
    if path.is_file():
        return _read_bag if path.suffix in BAG_SUFFIXES else None
    if not path.is_dir():
        return None
    if (path / "metadata.yaml").is_file() or any(entry.suffix in BAG_SUFFIXES for entry in path.iterdir()):
        return _read_bag
    if (path / "rgb.txt").is_file():
        return read_tum_rgbd
    if (path / "LeftImages").is_dir():
        return read_deeploc
    if (path / "times.txt").is_file() or (path / "calib.txt").is_file():
        return read_kitti_odometry
    if any(path.glob("frame-*.color.*")) or any(path.glob("frame-*.pose.txt")):
        return read_seven_scenes
    return None


def _read_bag(path: Path, **options: Any) -> Sequence:
    # Imported late: reading bags needs rosbags, an extra that other formats do without.
    from localization_common.datasets.rosbag2 import read_rosbag2

    return read_rosbag2(path, **options)
