"""Files of a bag: its splits, its metadata, and the damage in them."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zstandard

from localization_common.datasets.bags.mcap_storage import McapStorage
from localization_common.datasets.bags.ros1_storage import Ros1Storage
from localization_common.datasets.bags.sqlite_storage import SqliteStorage
from localization_common.datasets.bags.storage import Damage, Storage, StorageError
from localization_common.datasets.bags.unpacking import unpack_file
from localization_common.datasets.summary import plain
from localization_common.errors import DatasetError
from localization_common.files import yaml_text
from localization_common.files.reading import open_file, require_regular
from localization_common.files.text_files import read_text

_STORAGES: dict[str, type[McapStorage] | type[SqliteStorage] | type[Ros1Storage]] = {
    ".mcap": McapStorage,
    ".db3": SqliteStorage,
    ".bag": Ros1Storage,
}
_COMPRESSED = ".zstd"
METADATA = "metadata.yaml"
#: Bytes of the metadata: 150 for a split, 1500 for a topic.
_MOST_YAML = 1 << 18


@dataclass(frozen=True)
class BagFiles:
    """Files of one recording, in order.

    Attributes:
        path: path that the user gave.
        paths: paths of the files that hold messages.
        counts: topic -> number of messages according to the metadata; empty without metadata.
        damage: missing files, and damage of the metadata.
        unpacked: folder of files that were compressed as a whole; removed with this object.
    """

    path: Path
    paths: tuple[Path, ...]
    counts: dict[str, int] = field(default_factory=dict)
    damage: tuple[Damage, ...] = ()
    unpacked: Any = None


def open_storage(path: Path) -> Storage:
    """Storage of one file, by its suffix.

    Raises:
        StorageError: it cannot be opened.
    """
    try:
        require_regular(path.stat(), path)
        return _STORAGES[path.suffix](path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be opened ({error})") from error


def find_files(path: Path) -> BagFiles:
    """Files of a bag: those in a directory with or without metadata.yaml, or a single file.

    Raises:
        DatasetError: there is none, or the metadata names a storage that cannot be read.
    """
    if path.is_file():
        return _unpacked(_single(path))
    there = sorted((entry for entry in path.iterdir() if _storage_suffix(entry) in _STORAGES), key=_split_order)
    metadata = path / METADATA
    if not metadata.is_file():
        if not there:
            raise DatasetError(f"{path}: no .mcap, .db3 or .bag file in it")
        return _unpacked(BagFiles(path, tuple(there)))
    return _unpacked(_with_metadata(path, there, _read_metadata(metadata)))


def _single(path: Path) -> BagFiles:
    """One file; metadata beside it counts if it names the file."""
    beside = path.with_name(METADATA)
    metadata = _read_metadata(beside) if beside.is_file() else None
    if not isinstance(metadata, dict):
        return BagFiles(path, (path,))
    named = {Path(str(name)).name for name in metadata["relative_file_paths"]}
    if path.name not in named:
        return BagFiles(path, (path,))
    _require_zstd(path, metadata)
    return BagFiles(path, (path,), _counts(metadata) if len(named) == 1 else {})


def _with_metadata(path: Path, there: list[Path], metadata: dict[str, Any] | Damage) -> BagFiles:
    if isinstance(metadata, Damage):
        if not there:
            raise DatasetError(f"{metadata.text()}; and there is no .mcap or .db3 file beside it")
        return BagFiles(path, tuple(there), damage=(metadata,))
    named = [plain(Path(str(name)).name) for name in metadata["relative_file_paths"]]
    missing = [path / name for name in dict.fromkeys(named) if path / name not in there]
    extra = [file for file in there if file.name not in named]
    present = sorted(there, key=_split_order)
    damage = [Damage(str(file), "metadata.yaml names this file, but it is missing; copy it, too") for file in missing]
    damage += [
        Damage(str(file), f"metadata.yaml does not name this file; it is read, too; type: ros2 bag reindex {path}")
        for file in extra
    ]
    if not present:
        shown = "; ".join(part.text() for part in damage[:3]) or "metadata.yaml names no file"
        raise DatasetError(f"{path}: no .mcap or .db3 file in it: {shown}")
    _require_zstd(path, metadata)
    return BagFiles(path, tuple(present), _counts(metadata), tuple(damage))


def _require_zstd(path: Path, metadata: dict[str, Any]) -> None:
    mode = str(metadata.get("compression_mode") or "").lower()
    kind = str(metadata.get("compression_format") or "").lower()
    if mode in ("file", "message") and kind not in ("zstd", ""):
        raise DatasetError(f"{path}: compressed as {kind!r}, only zstd can be read; type: ros2 bag convert")


def _read_metadata(path: Path) -> dict[str, Any] | Damage:
    remedy = f"type: ros2 bag reindex {path.parent}"
    try:
        content = yaml_text.parse(read_text(path, most=_MOST_YAML), most=_MOST_YAML)
        metadata = dict(content["rosbag2_bagfile_information"])
        if not isinstance(metadata["relative_file_paths"], list):
            raise TypeError("relative_file_paths is no list")
        return metadata
    except (ImportError, DatasetError, ValueError, TypeError, LookupError, AttributeError) as error:
        summary = plain((str(error) or type(error).__name__).splitlines()[0])
        return Damage(str(path), f"cannot be read ({summary}); the files beside it are read without it", remedy)


def _counts(metadata: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    entries = metadata.get("topics_with_message_count")
    for entry in entries if isinstance(entries, list) else ():
        try:
            counts[str(entry["topic_metadata"]["name"])] = int(entry["message_count"])
        except (TypeError, ValueError, LookupError, OverflowError):
            continue  # these numbers are only compared with the messages that were found
    return counts


def _storage_suffix(path: Path) -> str:
    return path.with_suffix("").suffix if path.suffix == _COMPRESSED else path.suffix


def _split_order(path: Path) -> list[Any]:
    """Sort key of splits, which are numbered: 10 comes after 2."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def _unpacked(files: BagFiles) -> BagFiles:
    """Files of a bag, where unpacked copies in a temporary folder replace files that were compressed as a whole."""
    packed = [path for path in files.paths if path.suffix == _COMPRESSED]
    if not packed:
        return files
    folder = tempfile.TemporaryDirectory(prefix="bag_")
    paths, damage = [], list(files.damage)
    for path in files.paths:
        target = path if path not in packed else Path(folder.name) / path.stem
        if path in packed:
            try:
                with open_file(path) as source, target.open("wb") as copy:
                    unpack_file(source, copy)
            except (OSError, ValueError, zstandard.ZstdError) as error:
                damage.append(Damage(str(path), f"cannot be unpacked ({error}); type: zstd --test {path}"))
                target.unlink(missing_ok=True)
                continue
        paths.append(target)
    if not paths:
        raise DatasetError("; ".join(part.text() for part in damage[:3]))
    return BagFiles(files.path, tuple(paths), files.counts, tuple(damage), folder)
