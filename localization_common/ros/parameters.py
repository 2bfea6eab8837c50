"""ROS parameters from a dataclass: each field has a default, one sentence and a range, and a wrong value is refused.

The dataclass is the only place where a parameter is written down. A field is made by `parameter`; a plain dataclass
with an ``Attributes:`` section in its docstring works as well (its sentences become the descriptions).
"""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from localization_common.errors import ConfigError, LocalizationError

C = TypeVar("C")

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
        default: its value unless a user says otherwise; its type is the parameter's type.
        sentence: what it does, with the unit.
        minimum, maximum: of numbers, both allowed.
        choices: of strings.
        when: ``ALWAYS``, ``UNCONFIGURED`` or ``START``.
    """
    metadata = {"sentence": sentence, "minimum": minimum, "maximum": maximum, "choices": choices, "when": when}
    return dataclasses.field(default=default, metadata=metadata)


def detail(sentence: str, minimum: float | None = None, maximum: float | None = None) -> dict[str, Any]:
    """What `parameter` says, for a field of a dataclass that knows nothing of ROS; see `parameters_of`."""
    return {"sentence": sentence, "minimum": minimum, "maximum": maximum}


def parameters_of(cls: type[Any], *, flat: bool, details: Mapping[str, dict[str, Any]] | None = None) -> Any:
    """Field of a dataclass that holds another one, whose fields become parameters too.

    Args:
        cls: the other dataclass; all of its fields have defaults.
        flat: whether its parameters carry just their names, or ``field.name`` with a dot.
        details: `detail` of fields that were not made by `parameter`.
    """
    return dataclasses.field(default_factory=cls, metadata={"flat": flat, "details": details or {}})


@dataclasses.dataclass(frozen=True)
class Declaration:
    """One parameter: its ROS name, where it sits in the dataclass, and its field's metadata."""

    name: str
    path: tuple[str, ...]
    default: Any
    metadata: dict[str, Any]

    @property
    def when(self) -> str:
        return str(self.metadata.get("when", UNCONFIGURED))

    def refusal(self, value: Any) -> str:
        """Why this value cannot be, or an empty string."""
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


def declarations(cls: type[Any], prefix: str = "") -> Iterator[Declaration]:
    """Every parameter of a dataclass; nested dataclasses give dotted names."""
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
        yield Declaration(f"{prefix}{field.name}", (field.name,), field.default, metadata)


class SetsUnchanged:
    """Of a node: setting a parameter to what it is succeeds always, as loading the node's own dump does.

    rclpy refuses that for parameters that are read-only. Whole numbers become floats where floats are declared.
    """

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set each by itself; see rclpy's Node."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all or none; see rclpy's Node."""
        node = typing.cast("Any", self)
        changes = []
        for change in parameter_list:
            if node.has_parameter(change.name):
                present = node.get_parameter(change.name)
                if present.type_ == Parameter.Type.DOUBLE and change.type_ == Parameter.Type.INTEGER:
                    change = Parameter(change.name, value=float(change.value))
                if (present.type_, present.value) == (change.type_, change.value):
                    continue
            changes.append(change)
        if parameter_list and not changes:
            return SetParametersResult(successful=True)
        return typing.cast("Any", super()).set_parameters_atomically(changes)


class Parameters(Generic[C]):
    """The parameters of one node that one dataclass describes.

    Args:
        node: declares them.
        cls: dataclass; its ``__post_init__`` may refuse combinations with a `ConfigError`.
        configured: whether the node is configured, so that parameters read by then are locked.

    Raises:
        ConfigError: a value given at start is refused.
    """

    def __init__(self, node: Node, cls: type[C], *, configured: Callable[[], bool] = lambda: False) -> None:
        self._node, self._cls, self._configured = node, cls, configured
        self._declarations = {d.name: d for d in declarations(cls)}
        for declaration in self._declarations.values():
            refusal = declaration.refusal(_declare(node, declaration))
            if refusal:
                raise ConfigError(f"parameter {refusal}")
        self._value = self._build({})
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def value(self) -> C:
        """The dataclass with the present values."""
        return self._value

    def _build(self, changes: dict[str, Any]) -> C:
        values = {
            d.path: changes.get(name, self._node.get_parameter(name).value) for name, d in self._declarations.items()
        }
        return _assemble(self._cls, values)

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters if p.name in self._declarations}
        for name, value in changes.items():
            declaration = self._declarations[name]
            if value == self._node.get_parameter(name).value:
                continue
            if declaration.when == UNCONFIGURED and self._configured():
                return _refused(f"{name} is read by configure: clean the node up, set it, configure again")
            if refusal := declaration.refusal(value):
                return _refused(refusal)
        try:
            self._value = self._build(changes)
        except LocalizationError as error:
            return _refused(str(error))
        return SetParametersResult(successful=True)


def _declare(node: Node, declaration: Declaration) -> Any:
    """Declare a parameter and answer its value; a whole number given at start is taken where a float is meant.

    Raises:
        ConfigError: the value given at start is of another type or out of range.
    """
    name, default, descriptor = declaration.name, declaration.default, _descriptor(declaration)
    try:
        try:
            node.declare_parameter(name, default, descriptor)
        except InvalidParameterTypeException as error:
            given = node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True)).value
            node.undeclare_parameter(name)
            if type(default) is not float or type(given) is not int:
                kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text, in quotes"}
                raise ConfigError(f"parameter {name} is {given!r:.100}; it must be {kinds[type(default)]}") from error
            node.declare_parameter(name, float(given), descriptor, ignore_override=True)
        return node.get_parameter(name).value
    except ParameterException as error:
        raise ConfigError(f"parameter {name}: {error}") from error


def _refused(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)


def _assemble(cls: type[C], values: dict[tuple[str, ...], Any]) -> C:
    hints = typing.get_type_hints(cls)
    arguments: dict[str, Any] = {}
    for field in dataclasses.fields(typing.cast(Any, cls)):
        if dataclasses.is_dataclass(hints[field.name]):
            inner = {path[1:]: value for path, value in values.items() if path[0] == field.name}
            arguments[field.name] = _assemble(typing.cast("type[Any]", hints[field.name]), inner)
        else:
            arguments[field.name] = values[(field.name,)]
    return cls(**arguments)


def _descriptor(declaration: Declaration) -> ParameterDescriptor:
    metadata, default = declaration.metadata, declaration.default
    descriptor = ParameterDescriptor(
        description=metadata["sentence"],
        additional_constraints=" | ".join(metadata.get("choices") or ()),
        read_only=declaration.when == START,
    )
    low, high = metadata.get("minimum"), metadata.get("maximum")
    if low is None and high is None:
        return descriptor
    if isinstance(default, int):
        whole = IntegerRange(from_value=int(low or 0), to_value=2**63 - 1 if high is None else int(high), step=0)
        descriptor.integer_range = [whole]
    else:
        top = sys.float_info.max if high is None else float(high)
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low or 0.0), to_value=top, step=0.0)]
    return descriptor


def _docstring_sentences(cls: type[Any]) -> dict[str, str]:
    """``name: text`` of the docstring's Attributes section, continuation lines joined."""
    section = re.search(r"Attributes:\n(.*)", cls.__doc__ or "", re.DOTALL)
    sentences: dict[str, str] = {}
    names: list[str] = []
    for line in section[1].splitlines() if section else []:
        if match := re.match(r" {4,8}(\w[\w, .]*): (.*)", line):
            names = _named(match[1], list(typing.get_type_hints(cls)))
            sentences.update(dict.fromkeys(names, match[2].strip()))
        elif line.strip():
            sentences.update({name: f"{sentences[name]} {line.strip()}" for name in names})
    return sentences


def _named(text: str, fields: list[str]) -> list[str]:
    """Fields that ``a, b`` or ``a1..a4`` stands for."""
    if ".." in text:
        first, last = (name.strip() for name in text.split(".."))
        return fields[fields.index(first) : fields.index(last) + 1]
    return [name.strip() for name in text.split(",")]
