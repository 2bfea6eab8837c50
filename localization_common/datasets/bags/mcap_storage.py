"""MCAP files, complete or cut off in the middle; damaged chunks are passed over.

Chunks and records are found by their own lengths, because a recorder that was killed has written no index. Where there
is an index, it helps to go on behind damage, and to notice chunks that were not found.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from mcap.opcode import Opcode

from localization_common.datasets.bags import mcap_records as records
from localization_common.datasets.bags.mcap_records import BROKEN, FOOTER_BYTES, MAGIC, MESSAGE, RECORD
from localization_common.datasets.bags.storage import (
    MAX_TIME,
    Damage,
    MessagePlace,
    RawMessage,
    StorageError,
    lost_records,
)
from localization_common.datasets.bags.tally import Tally
from localization_common.errors import DatasetError


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
        self._channels: dict[int, tuple[str, int]] = {}
        self._repeated_schemas: dict[int, str] = {}
        self._repeated_channels: dict[int, tuple[str, int]] = {}
        self._lost = Tally()
        self._unpacked: tuple[int, memoryview] | None = None
        if self._file.read(len(MAGIC)) != MAGIC:
            self._file.close()
            what = "is empty" if self._size == 0 else "does not begin like an MCAP file"
            raise StorageError(f"{path}: {what}; copy it from the robot again")

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type of the channels that were met so far."""
        return {topic: self._schemas.get(schema, "") for topic, schema in self._channels.values()}

    def messages(self) -> Iterator[RawMessage]:
        """See `Storage.messages`; a message's place is (offset of its record, -1), or (offset of its chunk, offset in
        the unpacked chunk)."""
        position, ended, met = len(MAGIC), False, set[int]()
        while position < self._size and not ended:
            opcode, length = self._head(position)
            body, end = position + RECORD.size, position + RECORD.size + length
            ended = opcode == Opcode.FOOTER and end + len(MAGIC) == self._size and self._read(end, 8) == MAGIC
            if not records.is_known(opcode) or end > self._size or (opcode == Opcode.FOOTER and not ended):
                end = self._next_chunk(position)
                self._note_unreadable(position, end)
                ended = end == self._size
            elif opcode == Opcode.CHUNK:
                met.add(position)
                yield from self._in_chunk(position, body, length)
            elif opcode == Opcode.MESSAGE:
                yield from self._message(self._read(body, length), MessagePlace(position, -1))
            else:
                self._note(opcode, body, length)
            # No chunk lies inside of another record: where one should, the length of the record is wrong.
            position = min(end, self._next_chunk(position))
        if not ended:
            self._note_unreadable(position, self._size)
        missing = set(self._indexed_chunks) - met
        if missing and not self.damage:
            reason = f"{len(missing)} chunks that its index names are not there, the first at byte {min(missing)}"
            self.damage.append(Damage(str(self.path), reason))
        self.damage += lost_records(self.path, self._lost)

    def at(self, place: MessagePlace) -> bytes | memoryview:
        """See `Storage.at`."""
        offset, inner = place
        try:
            _, length = self._head(offset)
            if inner < 0:
                return self._read(offset + RECORD.size, length)[MESSAGE.size :]
            if self._unpacked is None or self._unpacked[0] != offset:
                self._unpacked = (offset, records.read_chunk(self._read(offset + RECORD.size, length)).data)
            data = self._unpacked[1]
            _, length = RECORD.unpack_from(data, inner)
            start = inner + RECORD.size
            return data[start + MESSAGE.size : start + length]
        except BROKEN as error:
            raise DatasetError(
                f"{self.path}: byte {offset} cannot be read any more ({records.reason(error)})"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, position: int, length: int) -> memoryview:
        self._file.seek(position)
        return memoryview(self._file.read(max(0, min(length, self._size - position))))

    def _head(self, position: int) -> tuple[int, int]:
        """Kind and length of the record at a position; zeros at the file's end."""
        head = self._read(position, RECORD.size)
        opcode, length = RECORD.unpack(head) if len(head) == RECORD.size else (0, 0)
        return int(opcode), int(length)

    @cached_property
    def _indexed_chunks(self) -> list[int]:
        """Offsets of the chunks that the index at the file's end names, in order; none where there is no index.

        The index repeats types and topics, too: with them, messages behind a damaged first chunk can be read.
        """
        offsets: list[int] = []
        try:
            footer = self._read(self._size - FOOTER_BYTES, FOOTER_BYTES)
            (position,) = struct.unpack_from("<Q", footer, RECORD.size)
            while footer[-len(MAGIC) :] == MAGIC and len(MAGIC) < position < self._size - FOOTER_BYTES:
                opcode, length = self._head(position)
                record = self._read(position + RECORD.size, length)
                if opcode == Opcode.CHUNK_INDEX:
                    offsets.append(records.read_chunk_offset(record))
                elif opcode == Opcode.SCHEMA:
                    self._repeated_schemas.update([records.read_schema(record)])
                elif opcode == Opcode.CHANNEL:
                    number, topic, schema = records.read_channel(record)
                    self._repeated_channels[number] = (topic, schema)
                position += RECORD.size + length
        except BROKEN:
            return sorted(offsets)  # the index is damaged, too: what it gave so far is used
        return sorted(offsets)

    def _next_chunk(self, position: int) -> int:
        """The first chunk behind a position according to the index; else the file's end."""
        after = bisect_right(self._indexed_chunks, position)
        return min(self._indexed_chunks[after], self._size) if after < len(self._indexed_chunks) else self._size

    def _note_unreadable(self, start: int, end: int) -> None:
        what = "cut off" if end == self._size else "damaged"
        remedy = f"to look for more, type: mcap recover {self.path} -o recovered.mcap"
        reason = f"the file is {what} at byte {start}" + (f"; {end - start} bytes are not read" if start < end else "")
        self.damage.append(Damage(str(self.path), reason, remedy))

    def _in_chunk(self, position: int, body: int, length: int) -> Iterator[RawMessage]:
        try:
            chunk = records.read_chunk(self._read(body, length))
        except BROKEN as error:
            self.damage.append(
                Damage(str(self.path), f"the chunk at byte {position} is damaged ({records.reason(error)})")
            )
            return
        data, inner = chunk.data, 0
        while inner < len(data):
            opcode, size = RECORD.unpack_from(data, inner) if inner + RECORD.size <= len(data) else (0, len(data))
            start = inner + RECORD.size
            if start + size > len(data):
                self.damage.append(Damage(str(self.path), f"the chunk at byte {position} is damaged in its middle"))
                return
            record = data[start : start + size]
            if opcode == Opcode.MESSAGE:
                direct = chunk.start >= 0
                place = MessagePlace(body + chunk.start + inner, -1) if direct else MessagePlace(position, inner)
                yield from self._message(record, place)
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._learn(opcode, record, position)
            else:
                self._lost.add(f"the kind 0x{opcode:02x} in a chunk is unknown", f"byte {position}")
            inner = start + size

    def _note(self, opcode: int, body: int, length: int) -> None:
        """Note what a record that is no message says."""
        if opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            self._learn(opcode, self._read(body, length), body)
        elif opcode == Opcode.STATISTICS:
            self._count(self._read(body, length))
        elif opcode >= records.PRIVATE:
            self._lost.add(f"the kind 0x{opcode:02x} is private, and not read", f"byte {body}")

    def _learn(self, opcode: int, record: memoryview, position: int) -> None:
        """Note a schema or a channel; both are written a second time behind the messages."""
        try:
            if opcode == Opcode.SCHEMA:
                number, name = records.read_schema(record)
                same = self._schemas.setdefault(number, name) == name
            else:
                number, topic, schema = records.read_channel(record)
                same = self._channels.setdefault(number, (topic, schema)) == (topic, schema)
            if not same:
                self._lost.add("it contradicts what the file said before of a topic", f"byte {position}")
        except BROKEN as error:
            self._lost.add(f"the name of a topic or type is damaged ({records.reason(error)})", f"byte {position}")

    def _message(self, record: memoryview, place: MessagePlace) -> Iterator[RawMessage]:
        where = f"byte {place.first}"
        if len(record) < MESSAGE.size:
            self._lost.add("the message is too short", where)
            return
        number, _, time, _ = MESSAGE.unpack_from(record)
        channel = self._channels.get(number) or self._repeated_channels.get(number)
        if channel is None or time > MAX_TIME:
            self._lost.add("the topic is unknown" if channel is None else "the time of recording is damaged", where)
            return
        topic, schema = channel
        kind = self._schemas.get(schema) or self._repeated_schemas.get(schema, "")
        yield RawMessage(topic, kind, time, record[MESSAGE.size :], place)

    def _count(self, record: memoryview) -> None:
        """Note how many messages of each topic there should be."""
        try:
            counts = records.read_counts(record)
        except BROKEN as error:
            self.damage.append(Damage(str(self.path), f"the number of messages is damaged ({records.reason(error)})"))
            return
        for channel, count in counts.items():
            if channel in self._channels:
                topic = self._channels[channel][0]
                self.promised[topic] = self.promised.get(topic, 0) + count
