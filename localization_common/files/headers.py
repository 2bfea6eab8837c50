"""JSON headers of this package's files, read with limits on size, depth and numbers."""

from __future__ import annotations

import math
from typing import Any

from localization_common.files import json_text

#: Bytes of a file's whole header: names and places of tensors (300 kB for three ResNet-50), and the JSON text.
MAX_BYTES = 1 << 22
#: Characters of the JSON text, and entries of one list in it. The longest text of the shipped files has 24,000.
_MAX_CHARACTERS = 1 << 20
_MAX_ENTRIES = 1 << 16


def parse(text: str) -> Any:
    """Content of a JSON text.

    The ``card`` describes the making of a file, and nothing is computed from it. Its numbers may be unknown: those that
    are not finite become None.

    Raises:
        ValueError: the text is not JSON, too large, too deeply nested, or holds a number that is not finite.
    """
    return _checked(json_text.parse(text, most=_MAX_CHARACTERS), "")


def _checked(value: Any, where: str) -> Any:
    """Value of a JSON text, without numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _checked(item, f"{where}.{key}" if where else key) for key, item in value.items()}
    if isinstance(value, list):
        if len(value) > _MAX_ENTRIES:
            raise ValueError(f"{where:.200} has {len(value)} entries, at most {_MAX_ENTRIES} are read")
        return [_checked(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    if where.startswith("card."):
        return None
    raise ValueError(f"{where:.200} is {value}; a finite number is needed")
