"""Services that run in the worker between two frames, while images continue to arrive."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from std_srvs.srv import Empty, Trigger

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

    def serve(self, service_type: Any, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """Create a service with a callback of its own."""
        self._node.create_service(service_type, name, callback, callback_group=self._group)

    def serve_job(self, service_type: type[Trigger] | type[Empty], name: str, job: Callable[[], str]) -> None:
        """Create a service whose job runs in the worker; a Trigger answers with its text, or why it was refused."""
        self._serve(service_type, name, lambda: self._in_worker(job))

    def serve_prepared_job(self, name: str, prepare: Callable[[], T], job: Callable[[T], str]) -> None:
        """Create a Trigger as `serve_job`, whose job gets a result that takes long.

        Args:
            name: name of the service.
            prepare: computes the result in a thread of its own, while the worker goes on with frames; one at a time.
            job: uses it in the worker.
        """

        async def both() -> str:
            self._require_worker()
            prepared = await self._awaited(self._beside.submit(prepare))
            return str(await self._in_worker(lambda: job(prepared)))

        self._serve(Trigger, name, both)

    def _serve(self, service_type: Any, name: str, text: Callable[[], Awaitable[str]]) -> None:
        async def answer(_: Any, response: Any) -> Any:
            message, success = await self._outcome(text)
            if service_type is Trigger:
                response.message, response.success = message, success
            return response

        self.serve(service_type, name, answer)

    async def _outcome(self, text: Callable[[], Awaitable[str]]) -> tuple[str, bool]:
        """Return the text of a job and True, or why it was refused and False."""
        try:
            return await text(), True
        except LocalizationError as error:
            self._node.report_refusal(f"service refused: {error}")
            return str(error), False
        except Exception as error:
            # An exception in a callback would end the process.
            self._node.get_logger().error(
                f"service failed unexpectedly:\n{traceback.format_exc()}", throttle_duration_sec=1.0
            )
            return f"unexpected: {error}", False

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
