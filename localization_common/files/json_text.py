"""JSON of unknown origin, read with limits on its size, depth and numbers."""

from __future__ import annotations

import json
import re
from typing import Any

#: Levels of objects and lists inside each other; objects and lists together.
_MAX_DEPTH, _MAX_CONTAINERS = 32, 300_000
#: Entries of all objects and lists together.
_MAX_ENTRIES = 1_000_000
_MAX_INTEGER = 1 << 63
_BRACKETS = re.compile(r"[^][{}]+")


def parse(text: str, *, most: int) -> Any:
    """Content of a JSON text. The tokens NaN and Infinity become floats, as Python's json reads them.

    Args:
        text: the text.
        most: largest number of characters.

    Raises:
        ValueError: the text is not JSON, too large, too deeply nested, has a name twice in one object, or holds an
            integer that no field has.
    """
    if len(text) > most:
        raise ValueError(f"{len(text)} characters, at most {most} are read")
    if (entries := text.count(",")) > _MAX_ENTRIES:
        raise ValueError(f"{entries} entries, at most {_MAX_ENTRIES} are read")
    if (containers := text.count("{") + text.count("[")) > _MAX_CONTAINERS:
        raise ValueError(f"{containers} objects and lists, at most {_MAX_CONTAINERS} are read")
    if _depth(text) > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
    return json.loads(text, parse_int=_integer, object_pairs_hook=_object)


def _depth(text: str) -> int:
    """Upper bound on the levels of a JSON text: brackets within strings count as well."""
    deepest = level = 0
    for character in _BRACKETS.sub("", text):
        if character in "[{":
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice!r:.100} is there twice in one object")
    return values


def _integer(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _MAX_INTEGER:
        raise ValueError(f"holds an integer of {len(text)} digits")
    return int(text)
