"""ROS parameters of a node from a dataclass: declared with range and description; a wrong value is refused."""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, ParameterException
from rclpy.node import Node
from rclpy.parameter import Parameter

from localization_common.errors import ConfigError, LocalizationError
from localization_common.ros.parameter_fields import START, UNCONFIGURED, ParameterDeclaration, declarations

C = TypeVar("C")


class Parameters(Generic[C]):
    """Parameters of one node that a dataclass declares.

    Args:
        node: owner of the parameters.
        cls: dataclass; its ``__post_init__`` may refuse combinations with a `ConfigError`.
        configured: returns True while the node is configured: then parameters that configure reads are locked.

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
        """Dataclass with the present values."""
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


def _declare(node: Node, declaration: ParameterDeclaration) -> Any:
    """Declare a parameter and return its value; a whole number given at start becomes a float for a float parameter.

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


def _descriptor(declaration: ParameterDeclaration) -> ParameterDescriptor:
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
