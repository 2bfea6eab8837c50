"""Frozen dataclasses to plain dictionaries and back, for checkpoints and maps."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

from localization_common.errors import ConfigError

T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:
    """Nested dictionary of a dataclass, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(cls: type[T], values: dict[str, Any]) -> T:
    """Dataclass of this type from what `to_dict` made; absent fields keep their default.

    Raises:
        ConfigError: a field is unknown, or a value is refused by the dataclass.
    """
    hints = typing.get_type_hints(cls)
    unknown = set(values) - set(hints)
    if unknown:
        raise ConfigError(f"{cls.__name__} has no field {sorted(unknown)}; was this written by a newer version?")
    try:
        return cls(**{name: _read(hints[name], value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{cls.__name__}: {error}") from error


def _read(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _read(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        items = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        return tuple(_read(item, v) for item, v in zip(items, value, strict=True))
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return from_dict(typing.cast("type[Any]", hint), value)
    return value
