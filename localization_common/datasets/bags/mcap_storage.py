"""MCAP files, complete or cut off in the middle; damaged chunks are passed over.

Chunks and records are found by their own lengths, not by the index at the file's end, because a recorder that was
killed has written none. Specification: https://mcap.dev/spec
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import zstandard
from lz4.frame import decompress as lz4_decompress  # type: ignore[import-untyped]
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, ChunkIndex, Schema, Statistics

from localization_common.datasets.bags.storage import Damage, Place, RawMessage, StorageError
from localization_common.errors import DatasetError

MAGIC = b"\x89MCAP0\r\n"
#: Larger chunks than this are not unpacked: rosbag2 writes 0.8 to 4 MB.
MAX_CHUNK_BYTES = 1 << 30

_RECORD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_OPCODES = frozenset(int(code) for code in Opcode)
#: Footer record and the closing magic bytes.
_FOOTER_BYTES = 37
_BROKEN = (McapError, ValueError, OSError, RuntimeError, struct.error, zstandard.ZstdError, EOFError, MemoryError)


class McapStorage:
    """One .mcap file; see `Storage`.

    Raises:
        StorageError: the file is empty or no MCAP.
    """

    ros1 = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[Damage] = []
        self.promised: dict[str, int] = {}
        self._file = path.open("rb")
        self._size = path.stat().st_size
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, Channel] = {}
        self._unpacked: tuple[int, bytes] | None = None
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            what = "is empty" if self._size == 0 else "does not begin like an MCAP file"
            raise StorageError(f"{path}: {what}; copy it from the robot again")

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type of the channels that were met so far."""
        return {channel.topic: self._schemas.get(channel.schema_id, "") for channel in self._channels.values()}

    def messages(self) -> Iterator[RawMessage]:
        """See `Storage.messages`; a message's place is (offset of its chunk or record, offset in the chunk)."""
        position, ended = len(MAGIC), False
        while position < self._size and not ended:
            head = self._read(position, _RECORD.size)
            opcode, length = _RECORD.unpack(head) if len(head) == _RECORD.size else (0, 0)
            body = position + _RECORD.size
            if opcode not in _OPCODES or body + length > self._size:
                following = min((chunk for chunk in self._indexed_chunks() if chunk > position), default=self._size)
                self._note_unreadable(position, following)
                position = following
                continue
            if opcode == Opcode.CHUNK:
                yield from self._in_chunk(position, body, length)
            elif opcode == Opcode.MESSAGE and length >= _MESSAGE.size:
                message = self._message(self._read(body, length), 0, Place(position, -1))
                if message is not None:
                    yield message
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._learn(opcode, self._read(body, length), position)
            elif opcode == Opcode.STATISTICS:
                self._count(self._read(body, length))
            ended = opcode == Opcode.FOOTER
            position = body + length

    def at(self, place: Place) -> bytes | memoryview:
        """See `Storage.at`."""
        offset, inner = place
        try:
            _, length = _RECORD.unpack(self._read(offset, _RECORD.size))
            if inner < 0:
                return memoryview(self._read(offset + _RECORD.size, length))[_MESSAGE.size :]
            if self._unpacked is None or self._unpacked[0] != offset:
                self._unpacked = (offset, self._unpack(self._read(offset + _RECORD.size, length)))
            data = self._unpacked[1]
            _, length = _RECORD.unpack_from(data, inner)
            start = inner + _RECORD.size
            return memoryview(data)[start + _MESSAGE.size : start + length]
        except _BROKEN as error:
            raise DatasetError(f"{self.path}: byte {offset} cannot be read any more ({error})") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, position: int, length: int) -> bytes:
        self._file.seek(position)
        return self._file.read(length)

    def _indexed_chunks(self) -> list[int]:
        """Offsets of the chunks that the index at the file's end names; none where there is no index."""
        offsets: list[int] = []
        try:
            footer = self._read(self._size - _FOOTER_BYTES, _FOOTER_BYTES)
            (position,) = struct.unpack_from("<Q", footer, _RECORD.size)
            while footer.endswith(MAGIC) and len(MAGIC) < position < self._size - _FOOTER_BYTES:
                opcode, length = _RECORD.unpack(self._read(position, _RECORD.size))
                if opcode == Opcode.CHUNK_INDEX:
                    record = self._read(position + _RECORD.size, length)
                    offsets.append(ChunkIndex.read(ReadDataStream(io.BytesIO(record))).chunk_start_offset)
                position += _RECORD.size + length
        except _BROKEN:
            return offsets  # the index is damaged, too: what it gave so far is used
        return offsets

    def _note_unreadable(self, start: int, end: int) -> None:
        what = "cut off" if end == self._size else "damaged"
        remedy = f"to look for more, type: mcap recover {self.path} -o recovered.mcap"
        reason = f"the file is {what} at byte {start}; {end - start} bytes are not read"
        self.damage.append(Damage(str(self.path), reason, None, remedy))

    def _in_chunk(self, position: int, body: int, length: int) -> Iterator[RawMessage]:
        try:
            data = self._unpack(self._read(body, length))
        except _BROKEN as error:
            self.damage.append(Damage(str(self.path), f"the chunk at byte {position} is damaged ({error})"))
            return
        inner = 0
        while inner < len(data):
            opcode, size = _RECORD.unpack_from(data, inner) if inner + _RECORD.size <= len(data) else (0, len(data))
            start = inner + _RECORD.size
            if start + size > len(data):
                self.damage.append(Damage(str(self.path), f"the chunk at byte {position} is damaged in its middle"))
                return
            if opcode == Opcode.MESSAGE and size >= _MESSAGE.size:
                message = self._message(memoryview(data)[start : start + size], 0, Place(position, inner))
                if message is not None:
                    yield message
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._learn(opcode, data[start : start + size], position)
            inner = start + size

    def _unpack(self, record: bytes) -> bytes:
        """Content of a chunk, checked against its size and its checksum, which is 0 where the writer made none."""
        chunk = Chunk.read(ReadDataStream(io.BytesIO(record)))
        if chunk.uncompressed_size > MAX_CHUNK_BYTES:
            raise ValueError(f"it claims {chunk.uncompressed_size} bytes")
        if chunk.compression == "zstd":
            data = zstandard.ZstdDecompressor().decompress(chunk.data, max_output_size=chunk.uncompressed_size)
        elif chunk.compression == "lz4":
            data = lz4_decompress(chunk.data)
        elif chunk.compression == "":
            data = chunk.data
        else:
            raise ValueError(f"its compression {chunk.compression!r} is not zstd or lz4")
        if len(data) != chunk.uncompressed_size:
            raise ValueError(f"{len(data)} bytes, not {chunk.uncompressed_size}")
        if chunk.uncompressed_crc and zlib.crc32(data) != chunk.uncompressed_crc:
            raise ValueError("its checksum is wrong")
        return bytes(data)

    def _learn(self, opcode: int, record: bytes, position: int) -> None:
        """Note a schema or a channel."""
        try:
            stream = ReadDataStream(io.BytesIO(record))
            if opcode == Opcode.SCHEMA:
                schema = Schema.read(stream)
                self._schemas.setdefault(schema.id, schema.name)
            else:
                channel = Channel.read(stream)
                self._channels.setdefault(channel.id, channel)
        except _BROKEN as error:
            self.damage.append(Damage(str(self.path), f"the topic at byte {position} is damaged ({error})"))

    def _message(self, record: bytes | memoryview, start: int, place: Place) -> RawMessage | None:
        channel_id, _, time, _ = _MESSAGE.unpack_from(record, start)
        channel = self._channels.get(channel_id)
        if channel is None:
            self.damage.append(Damage(f"{self.path}: byte {place.first}", "a message of an unknown topic", 1))
            return None
        kind = self._schemas.get(channel.schema_id, "")
        return RawMessage(channel.topic, kind, time, memoryview(record)[_MESSAGE.size :], place)

    def _count(self, record: bytes) -> None:
        """Note how many messages of each channel there should be."""
        try:
            counts = Statistics.read(ReadDataStream(io.BytesIO(record))).channel_message_counts
        except _BROKEN as error:
            self.damage.append(Damage(str(self.path), f"the number of messages is damaged ({error})"))
            return
        for channel_id, count in counts.items():
            if channel_id in self._channels:
                topic = self._channels[channel_id].topic
                self.promised[topic] = self.promised.get(topic, 0) + count
