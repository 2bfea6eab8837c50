"""Setting of parameters that accepts the present value of any parameter."""

from __future__ import annotations

import typing

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter


class AcceptsUnchangedParameters:
    """Mixin of a node: setting a parameter to its present value always succeeds, so that a node's dump can be loaded.

    rclpy refuses this for read-only parameters. Whole numbers become floats if the parameter is a float.
    """

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set each parameter separately; see rclpy's Node."""
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set all parameters or none; see rclpy's Node."""
        node = typing.cast("typing.Any", self)
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
        return typing.cast("typing.Any", super()).set_parameters_atomically(changes)
