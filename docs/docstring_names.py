"""Extension of griffe, which reads the docstrings: "a, b: text" documents two names, each with the text."""

from __future__ import annotations

import re
from typing import Any

import griffe

#: An indented item with several names, and the lines of its text.
_ITEM = re.compile(r"^( +)(\w+(?:, \w+)+): (.*(?:\n\1 +.*)*)", re.MULTILINE)


class DocstringNames(griffe.Extension):
    """Writes an item for each name before docstrings are parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = _ITEM.sub(_each, obj.docstring.value)


def _each(item: re.Match[str]) -> str:
    indent, names, text = item.groups()
    return "\n".join(f"{indent}{name}: {text}" for name in names.split(", "))
