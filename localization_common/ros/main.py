"""Entry point of every node: start, work, stop in order, and say in one line what is wrong with the start."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from localization_common.errors import LocalizationError

#: Signals that follow each other within so many seconds are one request to end.
REPEATED = 2.0
_last_signal = float("inf")


def run(make_nodes: Callable[[], Sequence[Node]], arguments: list[str] | None = None) -> int:
    """Spin the nodes in one thread until the process shall end; their workers have threads of their own.

    Returns:
        Exit code, see `supervised`.
    """

    def spin() -> None:
        executor = SingleThreadedExecutor()
        nodes: Sequence[Node] = ()
        try:
            nodes = make_nodes()
            for node in nodes:
                executor.add_node(node)
            executor.spin()
        finally:
            for node in nodes:
                node.destroy_node()

    return supervised(spin, arguments)


def supervised(work: Callable[[], None], arguments: list[str] | None = None) -> int:
    """Work in a ROS context until that is done or SIGINT or SIGTERM comes; ending is quiet.

    Ctrl-C in a terminal reaches every process of a launch, and the launch repeats it: signals that follow each other
    within `REPEATED` seconds are one request. One that comes later ends the process at once.

    Returns:
        Exit code: 0, or 2 if the start is refused: because of a parameter, a file, or ROS's own arguments.
    """
    try:
        try:
            _on_signals(_interrupt)
            return _in_context(work, arguments)
        finally:
            _on_signals(_hurry)  # a signal that is pending raises KeyboardInterrupt here
    except KeyboardInterrupt:
        return 0
    finally:
        rclpy.try_shutdown()
        _on_signals(signal.SIG_IGN)  # nothing is left but the interpreter's own end


def _in_context(work: Callable[[], None], arguments: list[str] | None) -> int:
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.ALL)
    except Exception as error:  # ROS's own have no common base
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    try:
        work()
    except ExternalShutdownException:
        pass  # the usual way to end
    except LocalizationError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    except Exception:
        # A signal between two waits invalidates the context under rclpy's feet; with a valid one it is a real error.
        if rclpy.ok():
            raise
    return 0


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Handle SIGINT and SIGTERM; rclpy, which comes first while its context lives, calls this handler as well."""
    if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Leave the present work."""
    global _last_signal
    _last_signal = time.monotonic()
    _on_signals(_hurry)
    raise KeyboardInterrupt


def _hurry(number: int, frame: FrameType | None) -> None:
    """End at once, unless this signal only repeats the one before."""
    global _last_signal
    now = time.monotonic()
    if now - _last_signal > REPEATED:
        os._exit(128 + number)
    _last_signal = now
