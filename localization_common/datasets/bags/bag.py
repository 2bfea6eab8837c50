"""A bag as topics whose messages are found by position; from threads and forked data loaders, too."""

from __future__ import annotations

import os
import struct
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import zstandard
from rosbags.serde import SerdeError

from localization_common.datasets.bags.bag_files import BagFiles, find_files, open_storage
from localization_common.datasets.bags.kept_messages import LARGEST, MOST, KeptMessages
from localization_common.datasets.bags.storage import Damage, Storage, StorageError
from localization_common.datasets.bags.topic import Position, Topic
from localization_common.datasets.bags.unpacking import unpack
from localization_common.datasets.rosbag2_encoding import STORE
from localization_common.datasets.summary import plain
from localization_common.errors import DatasetError
from localization_common.messages.poses import POSE_TYPES

#: Errors that rosbags' deserializers raise for damaged bytes; none of them is a class of its own.
_DAMAGED = (SerdeError, ValueError, LookupError, TypeError, AssertionError, MemoryError, OverflowError, struct.error)


#: Types of messages that are kept between the scan and their reading.
_KEPT = frozenset((*POSE_TYPES, "sensor_msgs/msg/CameraInfo"))


class UnreadableError(DatasetError):
    """One message of a bag cannot be read."""


class Bag:
    """A recording, whatever its files are. It is scanned once when it is opened; messages are read when asked for.

    Args:
        path: directory of a rosbag2, or one ``.mcap``, ``.db3`` or ``.bag`` file.

    Attributes:
        topics: by name, in order of names.
        damage: what cannot be read.

    Raises:
        DatasetError: there is no bag, or nothing in it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: BagFiles = find_files(path)
        self._lock = threading.Lock()
        self._open: list[Storage | None] | None = None
        self.damage: list[Damage] = list(self._files.damage)
        self.topics: dict[str, Topic] = {}
        self._kept_bytes = 0
        _bags.add(self)
        self._scan()

    @property
    def format(self) -> str:
        """Name of the format, for people."""
        suffixes = sorted({path.suffix.lstrip(".") for path in self._files.paths})
        return "ROS 1 bag" if suffixes == ["bag"] else f"rosbag2, {', '.join(suffixes)}"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that messages are read from."""
        return self._files.paths

    def of_kind(self, *kinds: str) -> list[Topic]:
        """Topics of these types, in order of names."""
        return [topic for topic in self.topics.values() if topic.kind in kinds]

    def message(self, topic: Topic, index: int) -> Any:
        """Deserialised message, an object of rosbags with the fields of ROS 2.

        Raises:
            UnreadableError: it is damaged; says where it is.
        """
        try:
            return self._message(topic, index)
        except DatasetError as error:
            raise UnreadableError(f"{self.path}: {topic.name}, message {index}: {error}") from error

    def messages(self, topic: Topic) -> Iterator[tuple[int, Any]]:
        """Index and message, or in its place the `DatasetError` that says why not, of every message in their order."""
        for index in range(len(topic)):
            try:
                yield index, self._message(topic, index)
            except DatasetError as error:
                yield index, error

    def first(self, topic: Topic) -> Any | None:
        """The first message that can be read; None if there is none."""
        return next((message for _, message in self.messages(topic) if not isinstance(message, DatasetError)), None)

    def forget_kept(self) -> None:
        """Give the memory of small messages back, when all topics were read."""
        for topic in self.topics.values():
            topic.kept = KeptMessages()

    def _keep(self, topic: Topic, data: bytes | memoryview) -> None:
        """Keep a small message, if it is of a type that is read, and the topic's messages before it were kept."""
        if topic.kind in _KEPT and len(data) <= LARGEST and len(topic.kept) == len(topic) and self._kept_bytes < MOST:
            topic.kept.add(data)
            self._kept_bytes += len(data)

    def _message(self, topic: Topic, index: int) -> Any:
        position = topic[index]
        with self._lock:
            storage = self._storages()[position.file]
            if storage is None:
                raise UnreadableError(f"{self._files.paths[position.file]}: cannot be opened any more")
            data = topic.kept[index] if index < len(topic.kept) else storage.at(position.place)
            ros1 = storage.ros1
        return self._deserialise(data, topic.kind, ros1=ros1)

    def _deserialise(self, data: bytes | memoryview, kind: str, *, ros1: bool) -> Any:
        try:
            if self._files.compressed_messages:
                data = unpack("zstd", data)
            return STORE.deserialize_cdr(STORE.ros1_to_cdr(data, kind) if ros1 else data, kind)
        except (*_DAMAGED, zstandard.ZstdError) as error:
            raise UnreadableError(f"the message is damaged: its {len(data)} bytes are no {kind}") from error

    def _scan(self) -> None:
        found: dict[str, dict[str, Topic]] = {}
        promised: dict[str, int] = {}
        for number, storage in enumerate(self._storages(noting=self.damage)):
            if storage is None:
                continue
            for raw in storage.messages():
                topic = _kind_of(found, raw.topic, raw.kind)
                self._keep(topic, raw.data)
                topic.append(Position(number, raw.place, raw.time))
            for name, kind in storage.topics.items():
                _kind_of(found, name, kind)
            self.damage += storage.damage
            for name, count in storage.promised.items():
                promised[name] = promised.get(name, 0) + count
        for name in sorted(found):
            topic = self._with_most(list(found[name].values()))
            topic.promised = max(promised.get(name, 0), self._files.counts.get(name, 0))
            self.topics[topic.name] = topic

    def _with_most(self, kinds: list[Topic]) -> Topic:
        """Choose the type with the most messages among those of one topic; count the others as foreign."""
        topic = max(kinds, key=len)
        for other in kinds:
            if other is not topic and len(other) > 0:
                where = f"the first at {other[0].time} ns"
                topic.foreign.add(f"the type is {other.kind}, that of most is {topic.kind}", where, len(other))
        return topic

    def _storages(self, noting: list[Damage] | None = None) -> list[Storage | None]:
        """Opened files; a forked process opens its own, else it would share the position in the file.

        Args:
            noting: takes the reasons for which files cannot be opened.

        Raises:
            DatasetError: none can be opened.
        """
        if self._open is None:
            storages: list[Storage | None] = []
            errors: list[StorageError] = []
            for path in self._files.paths:
                try:
                    storages.append(open_storage(path))
                except StorageError as error:
                    storages.append(None)
                    errors.append(error)
            if len(errors) == len(storages):
                more = f"; and {len(errors) - 3} other files" if len(errors) > 3 else ""
                raise DatasetError("; ".join(map(str, errors[:3])) + more)
            if noting is not None:
                noting += [Damage(str(error), "no message of this file is read") for error in errors]
            self._open = storages
            weakref.finalize(self, _close, storages)
        return self._open

    def __getstate__(self) -> dict[str, Any]:
        """Everything but opened files, so that data loaders can send it to workers that were not forked."""
        return {**self.__dict__, "_lock": None, "_open": None, "_files": replace(self._files, unpacked=None)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget_files()
        _bags.add(self)

    def _forget_files(self) -> None:
        """Leave the opened files, and a lock that another thread may hold, to the process that this one came from."""
        self._lock, self._open = threading.Lock(), None


_bags: weakref.WeakSet[Bag] = weakref.WeakSet()


def _forget_all() -> None:
    for bag in list(_bags):
        bag._forget_files()


os.register_at_fork(after_in_child=_forget_all)


def _close(storages: list[Storage | None]) -> None:
    for storage in storages:
        if storage is not None:
            storage.close()


def _kind_of(found: dict[str, dict[str, Topic]], name: str, kind: str) -> Topic:
    """The topic of a name and type, which is made when it is met first."""
    kinds = found.setdefault(name, {})
    return kinds.get(kind) or kinds.setdefault(kind, Topic(plain(name), plain(_full_name(kind)) or "an unknown type"))


def _full_name(kind: str) -> str:
    """Type as ROS 2 names it; some writers leave out the middle of ``sensor_msgs/msg/Image``."""
    package, _, name = kind.partition("/")
    return f"{package}/msg/{name}" if name and "/" not in name else kind
