"""Bags of ROS 1 (.bag): rosbags reads their index; a message is read by its chunk and its offset there."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rosbags.rosbag1 import Reader, ReaderError
from rosbags.rosbag1.reader import Header, RecordType, read_bytes, read_uint32

from localization_common.datasets.bags.bounded_file import BoundedFile, BoundedPath
from localization_common.datasets.bags.serialisation import todays_type
from localization_common.datasets.bags.storage import Damage, MessagePlace, RawMessage, StorageError, lost_records
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.unpacking import MAX_BYTES, unpack
from localization_common.datasets.summary import plain
from localization_common.errors import DatasetError

_BROKEN = (
    *(ReaderError, OSError, EOFError, ValueError, LookupError, AssertionError, RuntimeError, struct.error),
    *(MemoryError, OverflowError),
)


class Ros1Storage:
    """Storage of one .bag file; see `Storage`.

    Raises:
        StorageError: the file is no ROS 1 bag, or has no index.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[Damage] = []
        self._unpacked: tuple[int, bytes] | None = None
        self._remedy = f"where ROS 1 is installed, type: rosbag reindex {path}"
        try:
            self._reader = Reader(BoundedPath(path))
            self._reader.open()
        except _BROKEN as error:
            raise StorageError(f"{path}: not a complete ROS 1 bag ({_reason(error)}); {self._remedy}") from error
        self._file = BoundedFile(path, MAX_BYTES)
        self._connections = {connection.id: connection for connection in self._reader.connections}
        self.promised = self._promised()

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type, in the names of ROS 2."""
        return {connection.topic: _kind(connection) for connection in self._connections.values()}

    def messages(self) -> Iterator[RawMessage]:
        """Messages, see `Storage.messages`; their place is (position of the chunk, offset in the unpacked chunk)."""
        lost = Tally()
        for chunk in sorted(self._reader.chunks):
            try:
                data = self._chunk(chunk)
            except _BROKEN as error:
                lost.add(f"the chunk is damaged ({_reason(error)})", f"byte {chunk}")
                continue
            yield from self._in_chunk(chunk, data, lost)
        self.damage += lost_records(self.path, lost, self._remedy)

    def _in_chunk(self, chunk: int, data: bytes, lost: Tally) -> Iterator[RawMessage]:
        """Messages of a chunk; behind damage, the index gives the next one."""
        self._unpacked = (chunk, data)
        offset = 0
        while offset < len(data):
            try:
                (number, time), content, end = self._record(chunk, offset)
            except _BROKEN as error:
                lost.add(f"a message is damaged ({_reason(error)})", f"offset {offset} in the chunk at byte {chunk}")
                offset = self._next_indexed(chunk, offset, len(data))
                continue
            if number in self._connections:
                connection = self._connections[number]
                place = MessagePlace(chunk, offset)
                yield RawMessage(connection.topic, _kind(connection), time, content, place, ros1=True)
            elif number >= 0:
                lost.add("the topic of a message is unknown", f"offset {offset} in the chunk at byte {chunk}")
            offset = end

    def at(self, place: MessagePlace) -> bytes | memoryview:
        """Data of a message, see `Storage.at`."""
        try:
            return self._record(*place)[1]
        except _BROKEN as error:
            reason = f"the chunk at byte {place.first} cannot be read any more ({_reason(error)})"
            raise DatasetError(f"{self.path}: {reason}") from error

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._file.close()

    def _promised(self) -> dict[str, int]:
        """Topic -> number of messages: the larger of the numbers in two parts of the bag's index."""
        promised: dict[str, int] = {}
        for number, connection in self._connections.items():
            counted = sum(chunk.connection_counts.get(number, 0) for chunk in self._reader.chunk_infos)
            count = max(counted, len(self._reader.indexes.get(number, ())))
            promised[connection.topic] = promised.get(connection.topic, 0) + count
        return promised

    def _next_indexed(self, chunk: int, offset: int, end: int) -> int:
        """Offset of the next message of a chunk according to the index; else the chunk's end."""
        entries = (entry for index in self._reader.indexes.values() for entry in index if entry.chunk_pos == chunk)
        return min((entry.offset for entry in entries if offset < entry.offset < end), default=end)

    def _record(self, chunk: int, offset: int) -> tuple[tuple[int, int], bytes, int]:
        """Connection (-1: the record describes one) and time of a message, its data, and the end of its record."""
        if self._unpacked is None or self._unpacked[0] != chunk:
            self._unpacked = (chunk, self._chunk(chunk))
        stream = io.BytesIO(self._unpacked[1])
        stream.seek(offset)
        header = Header.read(stream)
        data = read_bytes(stream, read_uint32(stream))
        kind = header.get_uint8("op")
        if kind == RecordType.CONNECTION:
            return (-1, 0), b"", stream.tell()
        if kind != RecordType.MSGDATA:
            raise ValueError("there is another record at its place")
        return (header.get_uint32("conn"), header.get_time("time")), data, stream.tell()

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
    """Text of an error of rosbags or of Python, where a user can understand it."""
    return plain(error) if isinstance(error, ReaderError | OSError | EOFError | ValueError) else "bytes do not fit"


def _kind(connection: Any) -> str:
    return todays_type(str(connection.msgtype))
