"""Client of lifecycle nodes, as a small lifecycle manager for evaluation and tests."""

from __future__ import annotations

import threading
import time
from typing import Any

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node

CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
CLEANUP = Transition.TRANSITION_CLEANUP


class LifecycleClient:
    """Calls the services of one lifecycle node. Do not use it in the thread that spins.

    Args:
        node: owner of the clients; another thread spins it.
        name: name of the lifecycle node, with its namespace.
    """

    def __init__(self, node: Node, name: str) -> None:
        self._name = name
        self._get = node.create_client(GetState, f"{name}/get_state")
        self._change = node.create_client(ChangeState, f"{name}/change_state")

    def state(self, timeout: float = 20.0) -> str:
        """Label of the present state: unconfigured, inactive, active or finalized."""
        return str(call(self._get, GetState.Request(), timeout).current_state.label)

    def change(self, transition: int, timeout: float = 30.0) -> bool:
        """Request a transition; return True if it succeeded."""
        return bool(call(self._change, ChangeState.Request(transition=Transition(id=transition)), timeout).success)

    def wait_until_active(self, timeout: float = 30.0) -> bool:
        """Wait until the node is active; False after timeout."""
        give_up = time.monotonic() + timeout
        while (left := give_up - time.monotonic()) > 0:
            try:
                # A response can be lost during discovery: request again after some seconds.
                response = call(self._get, GetState.Request(), min(left, 5.0))
            except TimeoutError:
                continue
            if response.current_state.id == State.PRIMARY_STATE_ACTIVE:
                return True
            # rclpy's lifecycle nodes do not publish their transitions: there is no event to wait for.
            time.sleep(0.02)
        return False


def call(client: Any, request: Any, timeout: float = 20.0) -> Any:
    """Call a service from a thread that does not spin.

    Raises:
        TimeoutError: the service does not exist, or does not respond in time.
    """
    began = time.monotonic()
    if not client.wait_for_service(timeout):
        raise TimeoutError(f"service {client.srv_name} does not exist after {timeout:.1f} s")
    response = client.call_async(request)
    done = threading.Event()
    response.add_done_callback(lambda _: done.set())
    if not done.wait(max(0.0, timeout - (time.monotonic() - began))):
        raise TimeoutError(f"service {client.srv_name} does not respond within {timeout:.1f} s")
    return response.result()
