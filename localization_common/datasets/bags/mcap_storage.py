"""MCAP files, complete or cut off in the middle; damaged chunks are skipped.

Chunks and records are found by their own lengths, because a recorder that was killed has written no index. Where there
is an index, it gives the next chunk behind damage, and shows chunks that were not found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mcap.opcode import Opcode

from localization_common.datasets.bags import mcap_records as records
from localization_common.datasets.bags.mcap_file import McapFile
from localization_common.datasets.bags.mcap_records import BROKEN, MAGIC, MESSAGE, RECORD, McapChannel
from localization_common.datasets.bags.serialisation import ROS1, type_in
from localization_common.datasets.bags.storage import (
    MAX_TIME,
    Damage,
    MessagePlace,
    RawMessage,
    lost_records,
)
from localization_common.datasets.bags.tally import Tally
from localization_common.errors import DatasetError

#: Records of one chunk that are no messages: a schema and a channel for each topic.
_MOST_USELESS = 10_000


class McapStorage:
    """Storage of one .mcap file; see `Storage`.

    Raises:
        StorageError: the file is empty or no MCAP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[Damage] = []
        self.promised: dict[str, int] = {}
        self._file = McapFile(path)
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, McapChannel] = {}
        self._lost = Tally()
        self._unpacked: tuple[int, memoryview] | None = None

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type of the channels that were read so far."""
        return {channel.topic: self._kind(channel) for channel in self._channels.values()}

    def messages(self) -> Iterator[RawMessage]:
        """Messages, see `Storage.messages`.

        A message's place is (offset of its record, -1), or (offset of its chunk, offset in the unpacked chunk).
        """
        position, ended, met = len(MAGIC), False, set[int]()
        while position < self._file.size and not ended:
            opcode, length = self._file.head(position)
            body, end = position + RECORD.size, position + RECORD.size + length
            ended = opcode == Opcode.FOOTER and end + len(MAGIC) == self._file.size and self._file.read(end, 8) == MAGIC
            if not records.is_known(opcode) or end > self._file.size or (opcode == Opcode.FOOTER and not ended):
                end = self._file.next_chunk(position)
                self._note_unreadable(position, end)
                ended = end == self._file.size
            elif opcode == Opcode.CHUNK:
                met.add(position)
                yield from self._in_chunk(position, body, length)
            elif opcode == Opcode.MESSAGE:
                yield from self._message(self._file.read(body, length), MessagePlace(position, -1))
            else:
                self._note(opcode, body, length)
            # No chunk lies inside another record: if the index names one there, the record's length is wrong.
            position = min(end, self._file.next_chunk(position))
        if not ended:
            self._note_unreadable(position, self._file.size)
        missing = set(self._file.index.chunks) - met
        if missing and not self.damage:
            reason = f"{len(missing)} chunks that its index names are not there, the first at byte {min(missing)}"
            self.damage.append(Damage(str(self.path), reason))
        self.damage += lost_records(self.path, self._lost)

    def at(self, place: MessagePlace) -> bytes | memoryview:
        """Data of a message, see `Storage.at`."""
        offset, inner = place
        try:
            _, length = self._file.head(offset)
            if inner < 0:
                return self._file.read(offset + RECORD.size, length)[MESSAGE.size :]
            if self._unpacked is None or self._unpacked[0] != offset:
                self._unpacked = (offset, records.read_chunk(self._file.read(offset + RECORD.size, length)).data)
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

    def _note_unreadable(self, start: int, end: int) -> None:
        what = "cut off" if end == self._file.size else "damaged"
        remedy = f"to look for more, type: mcap recover {self.path} -o recovered.mcap"
        reason = f"the file is {what} at byte {start}" + (f"; {end - start} bytes are not read" if start < end else "")
        self.damage.append(Damage(str(self.path), reason, remedy))

    def _in_chunk(self, position: int, body: int, length: int) -> Iterator[RawMessage]:
        try:
            chunk = records.read_chunk(self._file.read(body, length))
        except BROKEN as error:
            self.damage.append(
                Damage(str(self.path), f"the chunk at byte {position} is damaged ({records.reason(error)})")
            )
            return
        data, inner, useless = chunk.data, 0, 0
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
                found = list(self._message(record, place))
                useless += not found
                yield from found
            elif opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
                self._learn(opcode, record, position)
            else:
                self._lost.add(f"the kind 0x{opcode:02x} in a chunk is unknown", f"byte {position}")
            useless += opcode != Opcode.MESSAGE
            if useless > _MOST_USELESS:
                reason = f"more than {_MOST_USELESS} of its records are no messages; its rest is not read"
                self.damage.append(Damage(str(self.path), f"the chunk at byte {position} is damaged ({reason})"))
                return
            inner = start + size

    def _note(self, opcode: int, body: int, length: int) -> None:
        """Note the content of a record that is no message."""
        if opcode in (Opcode.SCHEMA, Opcode.CHANNEL):
            self._learn(opcode, self._file.read(body, length), body)
        elif opcode == Opcode.STATISTICS:
            self._count(self._file.read(body, length))
        elif opcode >= records.PRIVATE:
            self._lost.add(f"the kind 0x{opcode:02x} is private, and not read", f"byte {body}")

    def _learn(self, opcode: int, record: memoryview, position: int) -> None:
        """Note a schema or a channel; both are written again behind the messages."""
        try:
            if opcode == Opcode.SCHEMA:
                number, name = records.read_schema(record)
                same = self._schemas.setdefault(number, name) == name
            else:
                number, channel = records.read_channel(record)
                same = self._channels.setdefault(number, channel) == channel
            if not same:
                self._lost.add("it contradicts an earlier record of the same topic or type", f"byte {position}")
        except BROKEN as error:
            self._lost.add(f"the name of a topic or type is damaged ({records.reason(error)})", f"byte {position}")

    def _message(self, record: memoryview, place: MessagePlace) -> Iterator[RawMessage]:
        where = f"byte {place.first}"
        if len(record) < MESSAGE.size:
            self._lost.add("the message is too short", where)
            return
        number, _, time, _ = MESSAGE.unpack_from(record)
        channel = self._channels.get(number) or self._file.index.channels.get(number)
        if channel is None or time > MAX_TIME:
            self._lost.add("the topic is unknown" if channel is None else "the time of recording is damaged", where)
            return
        data = record[MESSAGE.size :]
        yield RawMessage(channel.topic, self._kind(channel), time, data, place, channel.encoding == ROS1)

    def _kind(self, channel: McapChannel) -> str:
        kind = self._schemas.get(channel.schema) or self._file.index.schemas.get(channel.schema, "")
        return type_in(kind, channel.encoding)

    def _count(self, record: memoryview) -> None:
        """Note the number of messages that each topic should have."""
        try:
            counts = records.read_counts(record)
        except BROKEN as error:
            self.damage.append(Damage(str(self.path), f"the number of messages is damaged ({records.reason(error)})"))
            return
        for channel, count in counts.items():
            if channel in self._channels:
                topic = self._channels[channel].topic
                self.promised[topic] = self.promised.get(topic, 0) + count
