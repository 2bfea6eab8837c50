"""Directory that is held open, so that no later one can be taken for it."""

from __future__ import annotations

import os
from pathlib import Path

from localization_common.place import swap


class OpenDirectory:
    """Holds a directory open. The file system reuses the number of a deleted directory, but not while it is open.

    Args:
        path: path of the directory.

    Raises:
        OSError: the directory cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def is_at(self, path: Path) -> bool:
        """Return True while the directory has this path; False if another one has it, or none."""
        try:
            return swap.is_at(self._descriptor, path)
        except OSError:
            return False

    def __del__(self) -> None:
        if (descriptor := getattr(self, "_descriptor", None)) is not None:
            os.close(descriptor)

    def __reduce__(self) -> str:
        raise TypeError("another process cannot use an open directory: open the place there")
