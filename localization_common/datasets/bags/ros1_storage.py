"""Bags of ROS 1 (.bag): rosbags reads their index; a message is read by its chunk and its place there."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rosbags.rosbag1 import Reader, ReaderError
from rosbags.rosbag1.reader import Header, RecordType, read_bytes, read_uint32

from localization_common.datasets.bags.storage import Damage, Place, RawMessage, StorageError, lost_records
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.unpacking import unpack
from localization_common.datasets.summary import plain
from localization_common.errors import DatasetError

_BROKEN = (
    *(ReaderError, OSError, EOFError, ValueError, LookupError, AssertionError, RuntimeError, struct.error),
    *(MemoryError, OverflowError),
)
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
        self._unpacked: tuple[int, bytes] | None = None
        self._remedy = f"where ROS 1 is installed, type: rosbag reindex {path}"
        try:
            self._reader = Reader(path)
            self._reader.open()
        except _BROKEN as error:
            raise StorageError(f"{path}: not a complete ROS 1 bag ({_reason(error)}); {self._remedy}") from error
        self._file = path.open("rb")
        self._connections = {connection.id: connection for connection in self._reader.connections}
        self.promised: dict[str, int] = {}
        for chunk in self._reader.chunk_infos:
            for number, count in chunk.connection_counts.items():
                if number in self._connections:
                    topic = self._connections[number].topic
                    self.promised[topic] = self.promised.get(topic, 0) + count

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type, in the names of ROS 2."""
        return {connection.topic: _kind(connection) for connection in self._connections.values()}

    def messages(self) -> Iterator[RawMessage]:
        """See `Storage.messages`; a message's place is (position of its chunk, offset in the unpacked chunk)."""
        lost = Tally()
        entries = ((e.chunk_pos, e.offset, e.time, number) for number, es in self._reader.indexes.items() for e in es)
        for chunk, offset, time, number in sorted(entries):
            try:
                found, data = self._record(chunk, offset)
                if found != (number, time):
                    raise ValueError("another message is at its place")
            except _BROKEN as error:
                lost.add(f"the chunk at byte {chunk} is damaged ({_reason(error)})", f"offset {offset} in it")
                continue
            connection = self._connections[number]
            yield RawMessage(connection.topic, _kind(connection), time, data, Place(chunk, offset))
        self.damage += lost_records(self.path, lost, self._remedy)

    def at(self, place: Place) -> bytes | memoryview:
        """See `Storage.at`."""
        try:
            return self._record(*place)[1]
        except _BROKEN as error:
            reason = f"the chunk at byte {place.first} cannot be read any more ({_reason(error)})"
            raise DatasetError(f"{self.path}: {reason}") from error

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._file.close()

    def _record(self, chunk: int, offset: int) -> tuple[tuple[int, int], bytes]:
        """Connection and time of a message, and its data."""
        if self._unpacked is None or self._unpacked[0] != chunk:
            self._unpacked = (chunk, self._chunk(chunk))
        stream = io.BytesIO(self._unpacked[1])
        stream.seek(offset)
        header = Header.read(stream)
        while header.get_uint8("op") == RecordType.CONNECTION:
            stream.seek(read_uint32(stream), io.SEEK_CUR)
            header = Header.read(stream)
        if header.get_uint8("op") != RecordType.MSGDATA:
            raise ValueError("there is no message at its place")
        return (header.get_uint32("conn"), header.get_time("time")), read_bytes(stream, read_uint32(stream))

    def _chunk(self, position: int) -> bytes:
        self._file.seek(position)
        header = Header.read(self._file, RecordType.CHUNK)
        content = read_bytes(self._file, read_uint32(self._file))
        size = header.get_uint32("size")
        data = unpack(header.get_string("compression"), content, size)
        if len(data) != size:
            raise ValueError(f"{len(data)} bytes, not {size}")
        return data


def _reason(error: BaseException) -> str:
    return plain(str(error) or type(error).__name__)


def _kind(connection: Any) -> str:
    return _RENAMED.get(connection.msgtype, str(connection.msgtype))
