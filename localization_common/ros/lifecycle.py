"""Lifecycle node that survives failed transitions: the reason is reported, and the process continues."""

from __future__ import annotations

import traceback
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from localization_common.errors import LocalizationError
from localization_common.ros.bond import Bond, open_bond
from localization_common.ros.parameter_setting import AcceptsUnchangedParameters


class ManagedNode(AcceptsUnchangedParameters, LifecycleNode):
    """Base class of the lifecycle nodes.

    Subclasses override `configure`, `activate`, `deactivate` and `cleanup`, and raise on failure. Configure loads
    weights, cleanup frees them. With ``autostart`` the node configures and activates itself when it spins; if that
    fails, it stays unconfigured and can be configured again when the reason is removed. An active node has a bond with
    its manager, as Nav2's nodes have.
    """

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        # rclpy does not catch the error of a transition that is not possible now; it would end the process.
        service = self._service_change_state
        service.callback = self._refusing_impossible(service.callback)
        self.active = False
        self.configured = False
        self._autostart_timer: Any = None
        self._bond: Bond | None = None

    def autostart(self) -> None:
        """Configure and activate as soon as an executor spins this node."""
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._autostart_timer = self.create_timer(0.0, self._on_autostart, clock=clock)

    def configure(self) -> None:
        """Load weights and files; raise a LocalizationError with file and reason on failure."""

    def activate(self) -> None:
        """Begin to process images."""

    def deactivate(self) -> None:
        """Stop processing images; loaded files stay in memory."""

    def cleanup(self) -> None:
        """Free everything that `configure` made, also if it failed."""

    def heartbeat_period(self) -> float:
        """Seconds between the heartbeats of the bond with the lifecycle manager; 0 opens no bond."""
        return 0.0

    def report_refusal(self, text: str) -> None:
        """Report that a transition is not possible now."""
        self.get_logger().error(text)

    def report_failure(self, transition: str, reason: str) -> None:
        """Report why a transition failed."""
        self.get_logger().error(f"{transition} failed: {reason}")

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run the configure transition; see `configure`."""
        result = self._attempt("configure", self.configure)
        if result != TransitionCallbackReturn.SUCCESS:
            self.cleanup()
            return result
        self.configured = True
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run the activate transition; see `activate`."""
        super().on_activate(state)
        result = self._attempt("activate", self.activate)
        if result == TransitionCallbackReturn.SUCCESS:
            self._bond = open_bond(self, self.heartbeat_period())
            self.active = True
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run the deactivate transition; see `deactivate`."""
        self.active = False
        result = self._attempt("deactivate", self.deactivate)
        super().on_deactivate(state)
        self._close_bond()
        return result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run the cleanup transition; see `cleanup`."""
        self.configured = False
        return self._attempt("cleanup", self.cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Run the shutdown transition, which frees everything from any state."""
        self.active = self.configured = False
        self._close_bond()
        return self._attempt("shutdown", self.cleanup)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Clean up after an error: the node is then unconfigured, not finalized, and can be configured again."""
        self.active = self.configured = False
        self._close_bond()
        return self._attempt("error processing", self.cleanup)

    def destroy_node(self) -> None:
        """Break the bond before rclpy destroys the publishers."""
        self._close_bond()
        super().destroy_node()

    def _close_bond(self) -> None:
        bond, self._bond = self._bond, None
        if bond is not None:
            bond.close()

    def _attempt(self, name: str, action: Any) -> TransitionCallbackReturn:
        try:
            action()
        except LocalizationError as error:
            self.report_failure(name, str(error))
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            self.get_logger().error(f"{name} failed unexpectedly:\n{traceback.format_exc()}")
            self.report_failure(name, f"unexpected: {type(error).__name__}: {error}")
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def _on_autostart(self) -> None:
        self.destroy_timer(self._autostart_timer)
        self._autostart_timer = None
        # A lifecycle manager may have configured the node already.
        if self.configured or self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
            return
        self.trigger_activate()

    def _refusing_impossible(self, change_state: Any) -> Any:
        def guarded(request: Any, response: Any) -> Any:
            wanted = request.transition.label or request.transition.id
            response.success = False
            possible = {number: label for number, label, *_ in self._state_machine.available_transitions}
            if wanted not in possible and wanted not in possible.values():  # rcl would log each request
                self.report_refusal(
                    f"transition {wanted} is not possible now; possible: {', '.join(possible.values())}"
                )
                return response
            try:
                return change_state(request, response)
            except Exception as error:  # RCLError has no public name
                self.report_refusal(f"transition {wanted} is not possible now: {error}")
                return response

        return guarded
