"""A bag as topics whose messages are found by position; from threads and forked data loaders, too."""

from __future__ import annotations

import os
import struct
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import zstandard
from rosbags.serde import SerdeError

from localization_common.datasets.bags.files import BagFiles, find_files, open_storage
from localization_common.datasets.bags.storage import Damage, Place, Storage, StorageError
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.rosbag2_encoding import STORE
from localization_common.errors import DatasetError

#: Errors that rosbags' deserializers raise for damaged bytes; none of them is a class of its own.
_DAMAGED = (SerdeError, ValueError, LookupError, TypeError, AssertionError, MemoryError, OverflowError, struct.error)
#: A message is not unpacked to more than this.
_LARGEST_MESSAGE = 1 << 29


class UnreadableError(DatasetError):
    """One message of a bag cannot be read."""


class Position(NamedTuple):
    """Where a message is: number of its file, place there, and time of recording in nanoseconds."""

    file: int
    place: Place
    time: int


@dataclass
class Topic:
    """One topic of a bag.

    Attributes:
        name, kind: such as ``/image``, ``sensor_msgs/msg/Image``.
        promised: number of messages according to the bag's indices; 0 where they say nothing.
    """

    name: str
    kind: str
    promised: int = 0
    _numbers: array[int] = field(default_factory=lambda: array("q"), repr=False)

    def __len__(self) -> int:
        return len(self._numbers) // 4

    def __getitem__(self, index: int) -> Position:
        file, first, second, time = self._numbers[4 * index : 4 * index + 4]
        return Position(file, Place(first, second), time)

    def append(self, position: Position) -> None:
        """Note one more message."""
        self._numbers.extend((position.file, *position.place, position.time))


class Bag:
    """A recording, whatever its files are. It is scanned once when it is opened; messages are read when asked for.

    Args:
        path: directory of a rosbag2, or one ``.mcap``, ``.db3`` or ``.bag`` file.

    Attributes:
        topics: by name, in order of names.
        damage: what cannot be read.
        other_kinds: messages of a second type on one topic, which are not used.

    Raises:
        DatasetError: there is no bag, or nothing in it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: BagFiles = find_files(path)
        self._lock = threading.Lock()
        self._open: tuple[int, list[Storage | None]] | None = None
        self.damage: list[Damage] = list(self._files.damage)
        self.topics: dict[str, Topic] = {}
        self.other_kinds = Tally()
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
            UnreadableError: it is damaged.
        """
        position = topic[index]
        with self._lock:
            storage = self._storages()[position.file]
            if storage is None:
                raise UnreadableError(f"{self._files.paths[position.file]}: cannot be opened any more")
            data = storage.at(position.place)
            ros1 = storage.ros1
        return self._deserialise(data, topic.kind, ros1=ros1)

    def messages(self, topic: Topic) -> Iterator[tuple[int, Any]]:
        """Index and message, or the `UnreadableError` in its place, of every message in order of the files."""
        for index in range(len(topic)):
            try:
                yield index, self.message(topic, index)
            except DatasetError as error:
                yield index, error

    def _deserialise(self, data: bytes | memoryview, kind: str, *, ros1: bool) -> Any:
        try:
            if self._files.compressed_messages:
                data = zstandard.ZstdDecompressor().decompress(bytes(data), max_output_size=_LARGEST_MESSAGE)
            return STORE.deserialize_cdr(STORE.ros1_to_cdr(data, kind) if ros1 else data, kind)
        except (*_DAMAGED, zstandard.ZstdError) as error:
            raise UnreadableError(f"the message is damaged ({str(error) or type(error).__name__})") from error

    def _scan(self) -> None:
        promised: dict[str, int] = {}
        for number, storage in enumerate(self._storages(noting=self.damage)):
            if storage is None:
                continue
            for raw in storage.messages():
                topic = self._topic(raw.topic, raw.kind)
                if topic.kind != _full_name(raw.kind):
                    self.other_kinds.add(f"{raw.topic} has the types {topic.kind} and {raw.kind}", str(raw.time))
                    continue
                topic.append(Position(number, raw.place, raw.time))
            for name, kind in storage.topics.items():
                self._topic(name, kind)
            self.damage += storage.damage
            for name, count in storage.promised.items():
                promised[name] = promised.get(name, 0) + count
        for name, topic in self.topics.items():
            topic.promised = max(promised.get(name, 0), self._files.counts.get(name, 0))
        self.topics = dict(sorted(self.topics.items()))

    def _topic(self, name: str, kind: str) -> Topic:
        return self.topics.setdefault(name, Topic(name, _full_name(kind)))

    def _storages(self, noting: list[Damage] | None = None) -> list[Storage | None]:
        """Opened files; a forked process opens its own, else it would share the position in the file.

        Args:
            noting: takes the reasons for which files cannot be opened.

        Raises:
            DatasetError: none can be opened.
        """
        if self._open is None or self._open[0] != os.getpid():
            storages: list[Storage | None] = []
            errors: list[StorageError] = []
            for path in self._files.paths:
                try:
                    storages.append(open_storage(path))
                except StorageError as error:
                    storages.append(None)
                    errors.append(error)
            if len(errors) == len(storages):
                raise DatasetError("; ".join(map(str, errors)))
            if noting is not None:
                noting += [Damage(str(error), "no message of this file is read") for error in errors]
            self._open = (os.getpid(), storages)
        return self._open[1]


def _full_name(kind: str) -> str:
    """Type as ROS 2 names it; some writers leave out the middle of ``sensor_msgs/msg/Image``."""
    package, _, name = kind.partition("/")
    return f"{package}/msg/{name}" if name and "/" not in name else kind
