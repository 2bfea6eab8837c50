"""Services that run in the worker between two frames, while images continue to arrive."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from std_srvs.srv import Trigger

from localization_common.errors import LocalizationError
from localization_common.ros.lifecycle import ManagedNode
from localization_common.ros.worker import Worker


class WorkerServices:
    """Services of a node.

    Args:
        node: owner of the services.
        worker: returns the present worker of the node; None while the node is not configured.
    """

    def __init__(self, node: ManagedNode, worker: Callable[[], Worker[Any] | None]) -> None:
        self._node, self._worker = node, worker
        # A callback that waits for the worker must not block other callbacks.
        self._group = ReentrantCallbackGroup()

    def serve(self, service_type: Any, name: str, callback: Any) -> None:
        """Create a service; its callback may be a coroutine that awaits `answer`."""
        self._node.create_service(service_type, name, callback, callback_group=self._group)

    async def answer(self, response: Trigger.Response, job: Callable[[], str]) -> Trigger.Response:
        """Fill the response of a Trigger from a job in the worker: its text, or the reason of its refusal."""
        try:
            response.message, response.success = await self._run(job), True
        except LocalizationError as error:
            response.message, response.success = str(error), False
            self._node.report_refusal(f"service refused: {error}")
        except Exception as error:
            # An exception in a callback would end the process.
            self._node.get_logger().error(
                f"service failed unexpectedly:\n{traceback.format_exc()}", throttle_duration_sec=1.0
            )
            response.message, response.success = f"unexpected: {error}", False
        return response

    async def _run(self, job: Callable[[], Any]) -> Any:
        worker = self._worker()
        if worker is None:
            raise LocalizationError(f"{self._node.get_name()} is not configured")
        done: Future = Future()

        def hand_over(finished: Any) -> None:
            error = LocalizationError("the node was cleaned up") if finished.cancelled() else finished.exception()
            done.set_result((None if error else finished.result(), error))
            # rclpy continues a waiting coroutine only when another event wakes its executor.
            if self._node.executor is not None:
                self._node.executor.wake()

        worker.submit(job).add_done_callback(hand_over)
        result, error = await done
        if error is not None:
            raise error
        return result
