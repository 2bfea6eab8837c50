"""Small messages that are kept in memory from the scan of a bag until they are read.

A chunk of a compressed bag holds messages of all topics. Without this it would be unpacked again for every topic.
"""

from __future__ import annotations

from array import array

#: Bytes of one message, and of all together, that are kept.
LARGEST, MOST = 4096, 1 << 28


class KeptMessages:
    """Data of the first messages of a topic, in one block of memory."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ends = array("q")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, data: bytes | memoryview) -> None:
        """Keep the next message."""
        self._data += data
        self._ends.append(len(self._data))

    def __getitem__(self, index: int) -> bytes:
        start = self._ends[index - 1] if index else 0
        return bytes(memoryview(self._data)[start : self._ends[index]])
