"""YAML of unknown origin, read with limits on its size and depth, and on what its aliases expand to."""

from __future__ import annotations

from typing import Any

#: Levels of mappings and lists inside each other; values in all, where an alias counts as everything that it repeats.
_MAX_DEPTH, _MAX_VALUES = 32, 100_000


def parse(text: str, *, most: int) -> Any:
    """Content of the first document of a YAML text. Tags of Python objects are refused.

    A text that begins like those of OpenCV's FileStorage (``%YAML:1.0``) is read, too.

    Args:
        text: the text.
        most: largest number of characters.

    Raises:
        ValueError: the text is not YAML, too large, too deeply nested, or its aliases repeat too much.
        ImportError: PyYAML is not installed; it is an extra of workstations, and robots have it with ROS.
    """
    import yaml

    if len(text) > most:
        raise ValueError(f"{len(text)} characters, at most {most} are read")
    if text.startswith("%YAML:"):
        text = text.partition("\n")[2]  # a directive that is no YAML
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _require_small(yaml, text, loader)
        return next(iter(yaml.load_all(text, loader)), None)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _require_small(yaml: Any, text: str, loader: Any) -> None:
    """Count the values of the first document without making them.

    A few lines of aliases of aliases expand to billions of values: when they are merged, compared or printed.
    """
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = []  # anchor and number of values before it
    values = 0
    for event in yaml.parse(text, loader):
        if isinstance(event, yaml.DocumentEndEvent):
            return
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"alias {event.anchor!r:.50} is within its own value, or has none")
            values += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            if event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, values))
            values += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = values - before
        if len(open_) > _MAX_DEPTH:
            raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
        if values > _MAX_VALUES:
            raise ValueError(f"its aliases expand to more than {_MAX_VALUES} values, or it has so many")
