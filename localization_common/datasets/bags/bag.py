"""Topics of a bag, whose messages are found by position. Threads and forked data loaders may read it, too."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard
from rosbags.serde import SerdeError

from localization_common.datasets.bags.bag_files import find_files
from localization_common.datasets.bags.bag_storages import BagStorages
from localization_common.datasets.bags.kept_messages import LARGEST, MOST, KeptMessages
from localization_common.datasets.bags.serialisation import deserialised, todays_type
from localization_common.datasets.bags.storage import Damage
from localization_common.datasets.bags.topic import Position, Topic
from localization_common.datasets.summary import plain
from localization_common.errors import DatasetError
from localization_common.messages.poses import POSE_TYPES

#: Errors that rosbags' deserializers raise for damaged bytes; they have no common class.
_DAMAGED = (
    *(SerdeError, ValueError, LookupError, TypeError, AssertionError, MemoryError, OverflowError, struct.error),
    zstandard.ZstdError,
)


#: Number of topics of one bag.
_MOST_TOPICS = 10_000
#: Types of messages that are kept between the scan and their reading.
_KEPT = frozenset((*POSE_TYPES, "sensor_msgs/msg/CameraInfo"))


class UnreadableError(DatasetError):
    """Message of a bag that cannot be read."""


class Bag:
    """Recording in any format of ROS. Opening it scans it once; each message is read when it is needed.

    Args:
        path: directory of a rosbag2, or one ``.mcap``, ``.db3`` or ``.bag`` file.

    Attributes:
        topics: topics by name, in order of names.
        damage: parts of the files that cannot be read.

    Raises:
        DatasetError: there is no bag, or nothing in it can be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._storages = BagStorages(find_files(path))
        self.damage: list[Damage] = list(self._storages.files.damage)
        self.topics: dict[str, Topic] = {}
        self._kept_bytes = 0
        self._scan()

    @property
    def format(self) -> str:
        """Name of the format, for people."""
        suffixes = sorted({path.suffix.lstrip(".") for path in self._storages.files.paths})
        return "ROS 1 bag" if suffixes == ["bag"] else f"rosbag2, {', '.join(suffixes)}"

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that messages are read from."""
        return self._storages.files.paths

    def of_kind(self, *kinds: str) -> list[Topic]:
        """Topics of these types, in order of names."""
        return [topic for topic in self.topics.values() if topic.kind in kinds]

    def message(self, topic: Topic, index: int) -> Any:
        """Deserialised message, an object of rosbags with the fields of ROS 2.

        Raises:
            UnreadableError: the message is damaged; the text names its place.
        """
        try:
            return self._message(topic, index)
        except DatasetError as error:
            raise UnreadableError(f"{self.path}: {topic.name}, message {index}: {error}") from error

    def messages(self, topic: Topic) -> Iterator[tuple[int, Any]]:
        """Index and content of every message, in order.

        In place of the content of an unreadable message comes a `DatasetError` with the reason.
        """
        for index in range(len(topic)):
            try:
                yield index, self._message(topic, index)
            except DatasetError as error:
                yield index, error

    def first(self, topic: Topic) -> Any | None:
        """First message that can be read; None if there is none."""
        return next((message for _, message in self.messages(topic) if not isinstance(message, DatasetError)), None)

    def forget_kept(self) -> None:
        """Free the memory of small messages, once all topics were read."""
        for topic in self.topics.values():
            topic.kept = KeptMessages()

    def _keep(self, topic: Topic, data: bytes | memoryview) -> None:
        """Keep a small message, if it is of a type that is read, and the topic's messages before it were kept."""
        if topic.kind in _KEPT and len(data) <= LARGEST and len(topic.kept) == len(topic) and self._kept_bytes < MOST:
            topic.kept.add(data)
            self._kept_bytes += len(data)

    def _message(self, topic: Topic, index: int) -> Any:
        position = topic[index]
        data = topic.kept[index] if index < len(topic.kept) else self._storages.read(position)
        try:
            return deserialised(data, topic.kind, ros1=position.ros1)
        except _DAMAGED as error:
            raise UnreadableError(f"the message is damaged: its {len(data)} bytes are no {topic.kind}") from error

    def _scan(self) -> None:
        found: dict[str, dict[str, Topic]] = {}
        promised: dict[str, int] = {}
        for number, storage in enumerate(self._storages.opened(noting=self.damage)):
            if storage is None:
                continue
            left = storage.path.stat().st_size
            for raw in storage.messages():
                topic = _kind_of(found, raw.topic, raw.kind)
                self._keep(topic, raw.data)
                topic.append(Position(number, raw.place, raw.time, raw.ros1))
                left -= 1
                if left < 0 or len(found) > _MOST_TOPICS:
                    reason = (
                        f"it has more than {_MOST_TOPICS} topics" if left >= 0 else "it has more messages than bytes"
                    )
                    self.damage.append(Damage(str(storage.path), f"{reason}; its rest is not read"))
                    break
            for name, kind in storage.topics.items():
                _kind_of(found, name, kind)
            self.damage += storage.damage
            for name, count in storage.promised.items():
                promised[name] = promised.get(name, 0) + count
        for name in sorted(found):
            topic = self._with_most(list(found[name].values()))
            topic.promised = max(promised.get(name, 0), self._storages.files.counts.get(name, 0))
            self.topics[topic.name] = topic

    def _with_most(self, kinds: list[Topic]) -> Topic:
        """Choose the type with the most messages among those of one topic; count the others as foreign."""
        topic = max(kinds, key=len)
        for other in kinds:
            if other is not topic and len(other) > 0:
                where = f"the first at {other[0].time} ns"
                topic.foreign.add(f"the type is {other.kind}, that of most is {topic.kind}", where, len(other))
        return topic


def _kind_of(found: dict[str, dict[str, Topic]], name: str, kind: str) -> Topic:
    """Topic of a name and type; made where it does not exist yet."""
    kinds = found.setdefault(name, {})
    return kinds.get(kind) or kinds.setdefault(kind, Topic(plain(name), plain(todays_type(kind)) or "an unknown type"))
