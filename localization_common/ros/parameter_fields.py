"""Fields of a dataclass that become ROS parameters: default, one sentence, range. Imports no ROS.

The dataclass is the only definition of its parameters. `parameter` makes a field; a plain dataclass with an
``Attributes:`` section in its docstring works as well (its sentences become the descriptions).
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

ALWAYS = "always"  # may change while the node works
UNCONFIGURED = "unconfigured"  # is read by the configure transition
START = "start"  # is read once, when the process starts


def parameter(
    default: Any,
    sentence: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    when: str = UNCONFIGURED,
) -> Any:
    """Field of a dataclass that becomes a ROS parameter.

    Args:
        default: default value; its type is the type of the parameter.
        sentence: meaning of the parameter, with its unit.
        minimum: smallest allowed number.
        maximum: largest allowed number.
        choices: allowed strings.
        when: ``ALWAYS``, ``UNCONFIGURED`` or ``START``.
    """
    metadata = {"sentence": sentence, "minimum": minimum, "maximum": maximum, "choices": choices, "when": when}
    return dataclasses.field(default=default, metadata=metadata)


def detail(sentence: str, minimum: float | None = None, maximum: float | None = None) -> dict[str, Any]:
    """Sentence and range of a field that was not made by `parameter`; see `parameters_of`."""
    return {"sentence": sentence, "minimum": minimum, "maximum": maximum}


def parameters_of(cls: type[Any], *, flat: bool, details: Mapping[str, dict[str, Any]] | None = None) -> Any:
    """Field of a dataclass that holds another dataclass, whose fields become parameters, too.

    Args:
        cls: inner dataclass; all of its fields have defaults.
        flat: the parameters have the names of the inner fields; otherwise ``field.name`` with a dot.
        details: `detail` of the fields that were not made by `parameter`.
    """
    return dataclasses.field(default_factory=cls, metadata={"flat": flat, "details": details or {}})


@dataclasses.dataclass(frozen=True)
class ParameterDeclaration:
    """Declaration of one parameter.

    Attributes:
        name: name in ROS.
        path: names of the fields that lead to it in the dataclass.
        default: default value.
        metadata: metadata of its field.
    """

    name: str
    path: tuple[str, ...]
    default: Any
    metadata: dict[str, Any]

    @property
    def when(self) -> str:
        """Time at which a value is read: ``ALWAYS``, ``UNCONFIGURED`` or ``START``."""
        return str(self.metadata.get("when", UNCONFIGURED))

    def refusal(self, value: Any) -> str:
        """Reason why a value is not allowed, or an empty string."""
        low, high, choices = (self.metadata.get(key) for key in ("minimum", "maximum", "choices"))
        if choices and value not in choices:
            return f"{self.name} is {value!r}; it must be one of {', '.join(choices)}"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{self.name} is {value}; it must be a finite number"
        if low is not None and not value >= low:
            return f"{self.name} is {value}; it must be at least {low}"
        if high is not None and not value <= high:
            return f"{self.name} is {value}; it must be at most {high}"
        return ""


def declarations(cls: type[Any], prefix: str = "") -> Iterator[ParameterDeclaration]:
    """Declarations of all parameters of a dataclass; nested dataclasses have names with dots."""
    hints, sentences = typing.get_type_hints(cls), _docstring_sentences(cls)
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            nested = typing.cast("type[Any]", hints[field.name])
            inner_prefix = prefix if field.metadata.get("flat") else f"{prefix}{field.name}."
            details = field.metadata.get("details", {})
            for inner in declarations(nested, inner_prefix):
                metadata = {**inner.metadata, **details.get(inner.path[-1], {})}
                yield dataclasses.replace(inner, path=(field.name, *inner.path), metadata=metadata)
            continue
        metadata = {"sentence": sentences.get(field.name, ""), **field.metadata}
        yield ParameterDeclaration(f"{prefix}{field.name}", (field.name,), field.default, metadata)


def _docstring_sentences(cls: type[Any]) -> dict[str, str]:
    """Read ``name: text`` of the docstring's Attributes section, continuation lines joined."""
    section = re.search(r"Attributes:\n(.*)", cls.__doc__ or "", re.DOTALL)
    sentences: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else []:
        if match := re.match(r" {4,8}(\w[\w, .]*): (.*)", line):
            names = _field_names(match[1], list(typing.get_type_hints(cls)))
            sentences.update(dict.fromkeys(names, match[2].strip()))
        elif line.strip():
            sentences.update({name: f"{sentences[name]} {line.strip()}" for name in names})
    return sentences


def _field_names(text: str, fields: list[str]) -> list[str]:
    """Names of the fields that ``a, b`` or ``a1..a4`` means."""
    if ".." in text:
        first, last = (name.strip() for name in text.split(".."))
        return fields[fields.index(first) : fields.index(last) + 1]
    return [name.strip() for name in text.split(",")]
