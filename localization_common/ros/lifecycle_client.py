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

#: Seconds after which a request for the state is repeated.
_REPEAT_S = 5.0


class LifecycleClient:
    """Calls the services of one lifecycle node. Do not use it in the thread that spins.

    Args:
        node: owner of the clients; another thread spins it.
        name: name of the lifecycle node, with its namespace.
    """

    def __init__(self, node: Node, name: str) -> None:
        # In this order: a node that has discovered the second client has discovered the first one too.
        self._change = node.create_client(ChangeState, f"{name}/change_state")
        self._get = node.create_client(GetState, f"{name}/get_state")
        self._heard = False

    def state(self, timeout: float = 20.0) -> str:
        """Label of the present state: unconfigured, inactive, active or finalized."""
        return str(self._present(timeout).label)

    def change(self, transition: int, timeout: float = 30.0) -> bool:
        """Request a transition; return True if it succeeded."""
        began = time.monotonic()
        if not self._heard:  # the response to a transition must not get lost, because its request cannot be repeated
            self._present(timeout)
        left = max(0.0, timeout - (time.monotonic() - began))
        return bool(call(self._change, ChangeState.Request(transition=Transition(id=transition)), left).success)

    def wait_until_active(self, timeout: float = 30.0) -> bool:
        """Wait until the node is active; False after timeout."""
        give_up = time.monotonic() + timeout
        while (left := give_up - time.monotonic()) > 0:
            try:
                state = self._present(left)
            except TimeoutError:
                return False
            if state.id == State.PRIMARY_STATE_ACTIVE:
                return True
            # rclpy's lifecycle nodes do not publish their transitions: there is no event to wait for.
            time.sleep(0.02)
        return False

    def _present(self, timeout: float) -> Any:
        """Present state. DDS can lose a response during discovery: the request is repeated after some seconds."""
        give_up = time.monotonic() + timeout
        while True:
            left = give_up - time.monotonic()
            try:
                state = call(self._get, GetState.Request(), min(left, _REPEAT_S)).current_state
            except TimeoutError as error:
                if left > _REPEAT_S:
                    continue
                raise TimeoutError(f"{error}, after {timeout:.1f} s in all") from None
            self._heard = True
            return state


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
