"""Bytes of an opened MCAP file: its records by position, and the index at its end."""

from __future__ import annotations

import contextlib
import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mcap.opcode import Opcode

from localization_common.datasets.bags import mcap_records as records
from localization_common.datasets.bags.mcap_records import BROKEN, FOOTER_BYTES, MAGIC, RECORD, McapChannel
from localization_common.datasets.bags.storage import StorageError
from localization_common.files.reading import open_file


@dataclass
class McapIndex:
    """Content of the index at a file's end; empty where there is no index.

    Attributes:
        chunks: offsets of the chunks, increasing.
        schemas: number of a type -> its name.
        channels: number of a channel -> the channel.
    """

    chunks: list[int] = field(default_factory=list)
    schemas: dict[int, str] = field(default_factory=dict)
    channels: dict[int, McapChannel] = field(default_factory=dict)


class McapFile:
    """Bytes of one .mcap file.

    Attributes:
        path: path of the file.
        size: number of bytes.

    Raises:
        StorageError: the file is empty or no MCAP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._file = open_file(path)
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            what = "is empty" if self.size == 0 else "does not begin like an MCAP file"
            raise StorageError(f"{path}: {what}; copy it from the robot again")

    def read(self, position: int, length: int) -> memoryview:
        """Bytes at a position; fewer at the file's end."""
        self._file.seek(position)
        return memoryview(self._file.read(max(0, min(length, self.size - position))))

    def head(self, position: int) -> tuple[int, int]:
        """Kind and length of the record at a position; zeros at the file's end."""
        head = self.read(position, RECORD.size)
        opcode, length = RECORD.unpack(head) if len(head) == RECORD.size else (0, 0)
        return int(opcode), int(length)

    def next_chunk(self, position: int) -> int:
        """Position of the first chunk behind a position according to the index; else the file's end."""
        chunks = self.index.chunks
        after = bisect_right(chunks, position)
        return min(chunks[after], self.size) if after < len(chunks) else self.size

    @cached_property
    def index(self) -> McapIndex:
        """Index at the file's end; of a damaged index, the part before the damage.

        The index repeats types and topics, too: with them, messages behind a damaged first chunk can be read.
        """
        index = McapIndex()
        with contextlib.suppress(*BROKEN):  # the index may be damaged, too
            self._read_index(index)
        index.chunks.sort()
        return index

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_index(self, index: McapIndex) -> None:
        footer = self.read(self.size - FOOTER_BYTES, FOOTER_BYTES)
        (position,) = struct.unpack_from("<Q", footer, RECORD.size)
        while footer[-len(MAGIC) :] == MAGIC and len(MAGIC) < position < self.size - FOOTER_BYTES:
            opcode, length = self.head(position)
            record = self.read(position + RECORD.size, length)
            if opcode == Opcode.CHUNK_INDEX:
                index.chunks.append(records.read_chunk_offset(record))
            elif opcode == Opcode.SCHEMA:
                index.schemas.update([records.read_schema(record)])
            elif opcode == Opcode.CHANNEL:
                index.channels.update([records.read_channel(record)])
            position += RECORD.size + length
