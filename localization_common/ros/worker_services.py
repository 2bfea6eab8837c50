"""Services that run in the worker between two frames, while images continue to arrive."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from std_srvs.srv import Trigger

from localization_common.errors import LocalizationError
from localization_common.ros.lifecycle import ManagedNode
from localization_common.ros.worker import Worker

T = TypeVar("T")


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
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="service")

    def serve(self, service_type: Any, name: str, callback: Any) -> None:
        """Create a service; its callback may be a coroutine that awaits `answer`."""
        self._node.create_service(service_type, name, callback, callback_group=self._group)

    async def answer(self, response: Trigger.Response, job: Callable[[], str]) -> Trigger.Response:
        """Fill the response of a Trigger from a job in the worker: its text, or the reason of its refusal."""
        return await self._answer(response, lambda: self._in_worker(job))

    async def answer_prepared(
        self, response: Trigger.Response, prepare: Callable[[], T], job: Callable[[T], str]
    ) -> Trigger.Response:
        """Fill the response as `answer`, from a job that gets a result that takes long.

        Args:
            response: response to fill.
            prepare: computes the result in a thread of its own, while the worker goes on with frames; one at a time.
            job: uses it in the worker.
        """

        async def both() -> str:
            self._require_worker()
            prepared = await self._awaited(self._beside.submit(prepare))
            return str(await self._in_worker(lambda: job(prepared)))

        return await self._answer(response, both)

    async def _answer(self, response: Trigger.Response, text: Callable[[], Awaitable[str]]) -> Trigger.Response:
        try:
            response.message, response.success = await text(), True
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

    def _require_worker(self) -> Worker[Any]:
        worker = self._worker()
        if worker is None:
            raise LocalizationError(f"{self._node.get_name()} is not configured")
        return worker

    async def _in_worker(self, job: Callable[[], Any]) -> Any:
        return await self._awaited(self._require_worker().submit(job))

    async def _awaited(self, running: ThreadFuture[Any]) -> Any:
        """Wait for a job of another thread without blocking the executor."""
        done: Future = Future()

        def hand_over(finished: ThreadFuture[Any]) -> None:
            error = LocalizationError("the node was cleaned up") if finished.cancelled() else finished.exception()
            done.set_result((None if error else finished.result(), error))
            # rclpy continues a waiting coroutine only when another event wakes its executor.
            if self._node.executor is not None:
                self._node.executor.wake()

        running.add_done_callback(hand_over)
        result, error = await done
        if error is not None:
            raise error
        return result
