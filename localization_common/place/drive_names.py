"""Names of a place's drives: each is part of a file's name."""

from __future__ import annotations

import re
from collections.abc import Collection

#: Name that every file system takes.
_SAFE = re.compile(r"[\w+-][\w.+ -]*")
#: Characters that a name cannot have, with the blanks beside them.
_REFUSED = re.compile(r"\s*[^\w.+ -]+\s*")
#: Name of a drive whose recording has none that can be used.
_NAMELESS = "drive"
#: Largest number of characters: a file's name has 255 bytes at most, and a character up to 4.
_LONGEST = 50


def is_drive_name(name: str) -> bool:
    """Return True if a drive may have this name."""
    return _SAFE.fullmatch(name) is not None


def drive_name(name: str, taken: Collection[str]) -> str:
    """Return a name for a drive that can name a file and that no other drive has.

    Args:
        name: name of the recording, such as ``kitchen/seq-01``; what a file's name cannot have becomes ``_``.
        taken: names of the other drives.
    """
    if not is_drive_name(name):
        name = _REFUSED.sub("_", name).strip("_. ")
    name = name[:_LONGEST] or _NAMELESS
    numbered = (f"{name}_{number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)
