"""Bags of ROS 1 (.bag), read by rosbags."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rosbags.rosbag1 import Reader, ReaderError

from localization_common.datasets.bags.storage import Damage, Place, RawMessage, StorageError
from localization_common.errors import DatasetError

_BROKEN = (ReaderError, OSError, EOFError, ValueError, LookupError, AssertionError, RuntimeError, struct.error)
#: Names that ROS 1 used before tf2.
_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}


class Ros1Storage:
    """One .bag file; see `Storage`.

    Raises:
        StorageError: the file is no ROS 1 bag, or has no index.
    """

    ros1 = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[Damage] = []
        self.promised: dict[str, int] = {}
        try:
            self._reader = Reader(path)
            self._reader.open()
        except _BROKEN as error:
            raise StorageError(
                f"{path}: not a complete ROS 1 bag ({error}); where ROS 1 is installed, type: rosbag reindex {path}"
            ) from error

        for connection in self._reader.connections:
            self.promised[connection.topic] = self.promised.get(connection.topic, 0) + connection.msgcount

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type, in the names of ROS 2."""
        return {connection.topic: _kind(connection) for connection in self._reader.connections}

    def messages(self) -> Iterator[RawMessage]:
        """See `Storage.messages`; a message's place is (time of recording, how many of this time came before)."""
        last, same = -1, 0
        try:
            for connection, time, data in self._reader.messages():
                same = same + 1 if time == last else 0
                last = time
                yield RawMessage(connection.topic, _kind(connection), time, data, Place(time, same))
        except _BROKEN as error:
            remedy = f"where ROS 1 is installed, type: rosbag reindex {self.path}"
            reason = f"the bag is damaged ({error}); it is read up to there"
            self.damage.append(Damage(str(self.path), reason, None, remedy))

    def at(self, place: Place) -> bytes | memoryview:
        """See `Storage.at`."""
        try:
            for i, (_, _, data) in enumerate(self._reader.messages(start=place.first, stop=place.first + 1)):
                if i == place.second:
                    return data
        except _BROKEN as error:
            raise DatasetError(f"{self.path}: message at {place.first} ns cannot be read any more ({error})") from error
        raise DatasetError(f"{self.path}: message at {place.first} ns is gone; was the bag changed while it was read?")

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def _kind(connection: Any) -> str:
    return _RENAMED.get(connection.msgtype, str(connection.msgtype))
