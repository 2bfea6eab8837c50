"""File whose reads have a limit: a reader of a library asks for as many bytes as a damaged file claims."""

from __future__ import annotations

import io
from pathlib import Path

from localization_common.files.reading import open_file

#: Largest number of bytes of a line.
_LINE = 1000


class BoundedFile(io.BufferedReader):
    """File that is opened to read bytes.

    Args:
        path: path of the file.
        most: largest number of bytes of one read; more is an OSError.
    """

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(open_file(path).detach())
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes, at most those that the file has."""
        if size is None or size < 0 or size > self._most:
            raise OSError(f"a record claims to have {size} bytes, at most {self._most} are read")
        return super().read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line, or its first thousand bytes."""
        return super().readline(_LINE if size is None or size < 0 else min(size, _LINE))


class BoundedPath(type(Path())):  # type: ignore[misc]
    """Path that a library opens: it opens as a `BoundedFile`."""

    most = 1 << 25

    def open(self, *mode: str) -> BoundedFile:
        """Open the file to read its bytes."""
        return BoundedFile(self, self.most)
