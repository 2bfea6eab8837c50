"""Frozen dataclasses to plain dictionaries and back, for checkpoints and maps."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from typing import Any, TypeVar

from localization_common.errors import ConfigError

T = TypeVar("T")

#: Largest number of pixels of a network's input: that of a full HD camera.
MAX_PIXELS = 1920 * 1088


def to_dict(config: Any) -> dict[str, Any]:
    """Nested dictionary of a dataclass, for JSON, which turns tuples into lists; `from_dict` turns them back."""
    return dataclasses.asdict(config)


def from_dict(cls: type[T], values: dict[str, Any]) -> T:
    """Dataclass of this type from a dictionary of `to_dict`; absent fields keep their default.

    Fields may be numbers, strings, booleans, None, literals, tuples, lists, dictionaries and dataclasses, and unions of
    these.

    Raises:
        ConfigError: a field is unknown, has no default and is absent, has a value of another type, or the dataclass
            refuses the value.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{cls.__name__}: expected an object with its fields, got {values!r:.200}")
    hints = typing.get_type_hints(cls)
    fields = {field.name for field in dataclasses.fields(typing.cast("Any", cls)) if field.init}
    unknown = set(values) - fields
    if unknown:
        raise ConfigError(f"{cls.__name__} has no field {sorted(unknown)!s:.200}; was this written by a newer version?")
    try:
        return cls(**{name: _read(hints[name], value, f"{cls.__name__}.{name}") for name, value in values.items()})
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ConfigError(f"{cls.__name__}: {error}") from error


def _read(hint: Any, value: Any, where: str) -> Any:
    """Value in the type of its annotation."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _read_union(arguments, value, where)
    if origin is typing.Literal:
        return _expect(value in arguments, value, f"one of {list(arguments)}", where)
    if origin in (tuple, list):
        return _read_items(origin, arguments, value, where)
    if origin is dict:
        _expect(isinstance(value, dict), value, "an object", where)
        return {key: _read(arguments[1], item, f"{where}[{key!r}]") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast("type[Any]", hint), value)
    if hint is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(_expect(number and abs(value) <= sys.float_info.max, value, "a finite number", where))
    if hint is int:
        return _expect(isinstance(value, int) and not isinstance(value, bool), value, "an integer", where)
    if hint in (str, bool, type(None)):
        return _expect(isinstance(value, hint), value, f"a {hint.__name__}", where)
    return value


def _read_items(origin: type[Any], arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    _expect(isinstance(value, (list, tuple)), value, "a list", where)
    if origin is list or arguments[-1] is Ellipsis:
        items = [arguments[0]] * len(value)
    else:
        items = list(arguments)
        _expect(len(value) == len(items), value, f"a list of {len(items)}", where)
    return origin(_read(item, v, f"{where}[{i}]") for i, (item, v) in enumerate(zip(items, value, strict=True)))


def _read_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in arguments:
        return None
    errors = []
    for argument in arguments:
        if argument is type(None):
            continue
        try:
            return _read(argument, value, where)
        except ConfigError as error:
            errors.append(str(error))
    raise ConfigError("; or ".join(errors))


def _expect(fits: bool, value: Any, what: str, where: str) -> Any:
    if not fits:
        raise ConfigError(f"{where}: expected {what}, got {value!r:.200}")
    return value


def require_at_most(config: Any, **limits: int) -> None:
    """Refuse sizes that no usable configuration has, before a network is built with them.

    Args:
        config: dataclass.
        limits: field -> largest number; for a tuple, of each number in it. ``count_NAME`` limits the length of the
            tuple NAME.

    Raises:
        ConfigError: a field exceeds its limit.
    """
    for name, limit in limits.items():
        value = getattr(config, name.removeprefix("count_"))
        values = (len(value),) if name.startswith("count_") else value if isinstance(value, tuple) else (value,)
        for number in values:
            if number > limit:
                raise ConfigError(f"{type(config).__name__}.{name} is {number}; it must be at most {limit}")
