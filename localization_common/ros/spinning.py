"""Spinning of nodes in a thread, while the calling thread does other work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future


@contextmanager
def spinning(*nodes: Node) -> Iterator[SingleThreadedExecutor]:
    """Spin nodes in a thread until the block ends; yield their executor. The nodes are not destroyed.

    An exception in a callback ends the thread; it is raised when the block ends.
    """
    executor = SingleThreadedExecutor(context=nodes[0].context)
    for node in nodes:
        executor.add_node(node)
    raised: list[BaseException] = []
    ended = Future()

    def spin() -> None:
        try:
            executor.spin_until_future_complete(ended)
        except ExternalShutdownException:
            pass  # the context was shut down first
        except BaseException as error:
            if executor.context.ok():  # otherwise a shutdown between two waits, for which rclpy raises
                raised.append(error)

    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    try:
        yield executor
    finally:
        ended.set_result(None)  # wakes the executor
        thread.join()  # before the shutdown, which destroys what a spinning executor waits for
        executor.shutdown()
    if raised:
        raise raised[0]
