"""Records of MCAP files: https://mcap.dev/spec."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, ChunkIndex, Schema, Statistics

from localization_common.datasets.bags.unpacking import unpack
from localization_common.datasets.summary import plain

MAGIC = b"\x89MCAP0\r\n"
#: Kind and length, at the beginning of each record.
RECORD = struct.Struct("<BQ")
#: Channel, sequence number, time of recording and of publishing, at the beginning of a message.
MESSAGE = struct.Struct("<HIQQ")
#: Bytes of the last record and of the closing magic bytes.
FOOTER_BYTES = RECORD.size + 20 + len(MAGIC)
#: Kinds of records from this one on are private extensions.
PRIVATE = 0x80
#: Errors of damaged bytes.
BROKEN = (
    *(McapError, ValueError, OSError, RuntimeError, struct.error, zstandard.ZstdError, EOFError, MemoryError),
    OverflowError,
)

_OPCODES = frozenset(int(code) for code in Opcode)
#: Start, end, size when unpacked, checksum when unpacked (0: none), length of the compression's name.
_CHUNK = struct.Struct("<QQQII")


@dataclass(frozen=True)
class Chunk:
    """Content of a chunk.

    Attributes:
        data: unpacked content.
        start: offset of the content in the record, if it is not compressed; else -1.
    """

    data: memoryview
    start: int


class McapChannel(NamedTuple):
    """Channel of messages.

    Attributes:
        topic: name of the topic.
        schema: number of the type.
        encoding: name of the serialisation, such as ``cdr``.
    """

    topic: str
    schema: int
    encoding: str


def is_known(opcode: int) -> bool:
    """Return True if records of this kind exist."""
    return opcode in _OPCODES or opcode >= PRIVATE


def read_chunk(record: memoryview) -> Chunk:
    """Content of a chunk, checked against its size and its checksum.

    Raises:
        BROKEN: the chunk is damaged.
    """
    _, _, size, checksum, name_length = _CHUNK.unpack_from(record)
    place = _CHUNK.size + name_length
    kind = bytes(record[_CHUNK.size : place][:20]).decode()
    (length,) = struct.unpack_from("<Q", record, place)
    content = record[place + 8 :]
    if length != len(content):
        raise ValueError(f"it holds {len(content)} bytes, not {length}")
    data = content if kind == "" else memoryview(unpack(kind, content, size))
    if len(data) != size:
        raise ValueError(f"{len(data)} bytes, not {size}")
    if checksum and zlib.crc32(data) != checksum:
        raise ValueError("its checksum is wrong")
    return Chunk(data, place + 8 if kind == "" else -1)


def reason(error: BaseException) -> str:
    """Text of an error, where a user can understand it."""
    understandable = isinstance(error, ValueError | OSError | zstandard.ZstdError) and str(error)
    return plain(error) if understandable else "its bytes do not fit"


def read_schema(record: memoryview) -> tuple[int, str]:
    """Number and name of a type; raises `BROKEN`."""
    schema = Schema.read(_stream(record))
    return schema.id, schema.name


def read_channel(record: memoryview) -> tuple[int, McapChannel]:
    """Number and content of a channel; raises `BROKEN`."""
    channel = Channel.read(_stream(record))
    return channel.id, McapChannel(channel.topic, channel.schema_id, channel.message_encoding)


def read_counts(record: memoryview) -> dict[int, int]:
    """Number of messages of each channel; raises `BROKEN`."""
    statistics = Statistics.read(_stream(record))
    counts = statistics.channel_message_counts
    if sum(counts.values()) != statistics.message_count:
        raise ValueError(f"{statistics.message_count} in all, {sum(counts.values())} of the channels")
    return counts


def read_chunk_offset(record: memoryview) -> int:
    """Offset of the chunk that an index record describes; raises `BROKEN`."""
    return ChunkIndex.read(_stream(record)).chunk_start_offset


def _stream(record: memoryview) -> ReadDataStream:
    return ReadDataStream(io.BytesIO(record))
