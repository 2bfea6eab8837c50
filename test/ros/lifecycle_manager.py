"""Lifecycle manager with the protocol of nav2_lifecycle_manager: transitions by service, a bond with each node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from manager_bond import ManagerBond
from rclpy.node import Node

from localization_common.ros.lifecycle_client import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, LifecycleClient

CHECK_PERIOD, RESPAWN_PERIOD = 0.2, 1.0
#: Seconds for a transition. Nav2's manager waits 5 s for a service that DDS does not list, and without end for the
#: answer of one that it does.
PATIENCE = 60.0
REACHED = {CONFIGURE: "inactive", ACTIVATE: "active", DEACTIVATE: "inactive", CLEANUP: "unconfigured"}


class LifecycleManager:
    """Brings nodes up and down in order; when a bond breaks, it brings all down, and up again when all are back.

    Args:
        node: node of the manager; another thread spins it.
        names: names of the managed nodes, in the order of their start.
        bond_timeout: seconds without heartbeat after which a node is lost; 0 opens no bonds.
        respawn: Nav2's attempt_respawn_reconnection.
        respawn_duration: seconds to wait for the return of lost nodes.
        make_bond: makes the manager's end of a bond.
    """

    def __init__(
        self,
        node: Node,
        names: Sequence[str],
        *,
        bond_timeout: float = 4.0,
        respawn: bool = True,
        respawn_duration: float = 90.0,
        make_bond: Callable[[Node, str, float], Any] = ManagerBond,
    ) -> None:
        self._node, self._names, self._make_bond = node, names, make_bond
        self._bond_timeout, self._respawn, self._respawn_duration = bond_timeout, respawn, respawn_duration
        self._clients = {name: LifecycleClient(node, name) for name in names}
        self.bonds: dict[str, Any] = {}
        self.failures: list[str] = []  # what Nav2's manager logs as errors
        self.active, self.failed = threading.Event(), threading.Event()
        self._monitor: threading.Thread | None = None
        self._pausing = threading.Event()
        self._stuck = False  # Nav2's manager would wait without end

    def startup(self) -> bool:
        """Configure and activate all nodes; False if one failed or formed no bond."""
        return self._all(CONFIGURE) and self.resume()

    def resume(self) -> bool:
        """Activate all nodes and watch their bonds."""
        if not self._all(ACTIVATE):
            return False
        self._pausing.clear()
        self.failed.clear()
        self.active.set()
        if self._bond_timeout > 0.0 and self._monitor is None:
            self._monitor = threading.Thread(target=self._watch, name="bonds", daemon=True)
            self._monitor.start()
        return True

    def pause(self) -> bool:
        """Stop watching, and deactivate all nodes."""
        self.stop_watching()
        return self._all(DEACTIVATE)

    def reset(self) -> bool:
        """Deactivate all nodes and clean them up."""
        return self.pause() and self._all(CLEANUP)

    def stop_watching(self) -> None:
        """End the thread that watches the bonds."""
        self._pausing.set()
        self.active.clear()
        if self._monitor is not None:
            self._monitor.join()
            self._monitor = None

    def close(self) -> None:
        """End the thread and the bonds."""
        self.stop_watching()
        self._drop_bonds(list(self.bonds))

    def _all(self, transition: int, *, hard: bool = False) -> bool:
        forward = transition in (CONFIGURE, ACTIVATE)
        for name in self._names if forward else reversed(self._names):
            if not self._change(name, transition) and not hard:
                return False
        return True

    def _change(self, name: str, transition: int) -> bool:
        client = self._clients[name]
        try:
            if not client.change(transition, PATIENCE) or client.state(5.0) != REACHED[transition]:
                return self._fail(f"failed to change state for node {name}")
        except TimeoutError as error:
            self._stuck = True
            return self._fail(str(error))
        if transition == ACTIVATE:
            return self._bond(name)
        if transition == DEACTIVATE:
            self._drop_bonds([name])
        return True

    def _bond(self, name: str) -> bool:
        if self._bond_timeout <= 0.0 or name in self.bonds:
            return True
        self.bonds[name] = self._make_bond(self._node, name, self._bond_timeout)
        if self.bonds[name].wait_until_formed(self._bond_timeout / 2.0):
            return True
        return self._fail(f"server {name} was unable to be reached by bond")

    def _drop_bonds(self, names: list[str]) -> None:
        for name in names:
            if name in self.bonds:
                self.bonds.pop(name).shutdown()

    def _fail(self, text: str) -> bool:
        self.failures.append(text)
        return False

    def _watch(self) -> None:
        while not self._pausing.wait(CHECK_PERIOD):
            broken = [name for name in self._names if self.bonds[name].is_broken()]
            if not broken:
                continue
            self.active.clear()
            self._fail(f"{broken[0]} is down")
            self.failed.set()
            self._all(DEACTIVATE, hard=True)
            self._all(CLEANUP, hard=True)
            self._drop_bonds(list(self.bonds))
            if self._stuck or not self._respawn or not self._started_again():
                return

    def _started_again(self) -> bool:
        give_up = time.monotonic() + self._respawn_duration
        while time.monotonic() < give_up and not self._pausing.wait(RESPAWN_PERIOD):
            try:
                for client in self._clients.values():
                    client.state(2.0)
            except TimeoutError:
                continue
            if not self._all(CONFIGURE) or not self._all(ACTIVATE):
                return False
            self.active.set()
            return True
        return False
