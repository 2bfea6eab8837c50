"""Entry point of every node: start, spin, stop in order; a refused start prints one line."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from localization_common.errors import LocalizationError
from localization_common.ros.memory import keep_freed_memory

#: Signals less than so many seconds apart are one request to end.
REPEATED = 2.0
#: Seconds after the first signal, and after the work is done, after which the kernel ends a process that hangs.
END_WITHIN, LEAVE_WITHIN = 60.0, 20.0
_last_signal = float("inf")


def run(make_nodes: Callable[[], Sequence[Node]], arguments: list[str] | None = None) -> int:
    """Spin the nodes in one thread until the process ends; each worker has its own thread.

    Returns:
        Exit code, see `supervised`.
    """

    def spin() -> None:
        keep_freed_memory()
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
    """Run a function in a ROS context until it returns, or until SIGINT or SIGTERM, which print no traceback.

    Ctrl-C in a terminal reaches every process of a launch, and the launch sends it again: signals less than `REPEATED`
    seconds apart are one request. A later signal ends the process at once. If a library hangs in its clean-up, SIGALRM
    ends the process.

    Returns:
        Exit code: 0, or 2 if the start is refused because of a parameter, a file, or ROS's own arguments.
    """
    try:
        try:
            _on_signals(_interrupt)
            return _in_context(work, arguments)
        finally:
            _on_signals(_exit_at_once)  # a signal that is pending raises KeyboardInterrupt here
    except KeyboardInterrupt:
        return 0
    finally:
        rclpy.try_shutdown()
        _on_signals(signal.SIG_IGN)  # only the end of the interpreter remains
        _end_within(LEAVE_WITHIN)


def _in_context(work: Callable[[], None], arguments: list[str] | None) -> int:
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.ALL)
    except Exception as error:  # exceptions of rclpy have no common base class
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    try:
        work()
    except ExternalShutdownException:
        pass  # the usual way to end
    except (LocalizationError, InvalidParameterTypeException, InvalidParameterValueException) as error:
        # rclpy itself declares some parameters of every node, such as use_sim_time, and raises its own exceptions.
        print(f"cannot start: {error}", file=sys.stderr)
        return 2
    except Exception:
        # A signal between two waits makes the context invalid, and rclpy raises; with a valid context it is an error.
        if rclpy.ok():
            raise
    return 0


def _on_signals(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    """Set the handler of SIGINT and SIGTERM; the handler of rclpy, while its context is valid, calls it as well."""
    if threading.current_thread() is threading.main_thread():  # Python allows handlers only here
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, handler)


def _end_within(seconds: float) -> None:
    """Let the kernel end the process then, also if it hangs where no Python runs any more."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt in the main thread."""
    global _last_signal
    _last_signal = time.monotonic()
    _end_within(END_WITHIN)
    _on_signals(_exit_at_once)
    raise KeyboardInterrupt


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    """End the process at once, unless this signal repeats the previous one."""
    global _last_signal
    now = time.monotonic()
    if now - _last_signal > REPEATED:
        os._exit(128 + number)
    _last_signal = now
