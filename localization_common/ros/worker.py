"""Thread that runs inference, so that callbacks never block, and a second one that finishes pending frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from localization_common.pending_frame import PendingFrame
from localization_common.ros.latest_frame import LatestFrame

T = TypeVar("T")


class Worker(Generic[T]):
    """Begins frames one at a time, and runs jobs (services, resets) between frames, in one thread.

    Everything that touches the localizer runs here, so the localizer needs no lock. A second thread finishes each frame
    while the next one begins: one frame behind at most, and before any job.

    Args:
        frames: source of the frames.
        begin: called with each frame; returns the pending frame.
        on_error: called with an exception that escapes from ``begin`` or from a pending frame; the threads go on.
    """

    def __init__(
        self,
        frames: LatestFrame[T],
        begin: Callable[[T], PendingFrame[None]],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._frames, self._begin, self._on_error = frames, begin, on_error
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._finisher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="finish")
        self._pending: Future[None] | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        """Run a job between frames; the future gets its result or its exception."""
        future: Future[Any] = Future()
        self._jobs.append((job, future))
        self._frames.wake()
        if self._stopping.is_set():
            self._cancel_jobs()
        return future

    def stop(self) -> None:
        """Finish the frames that are begun and end the threads; cancel waiting jobs."""
        self._stopping.set()
        self._frames.close()
        if self._thread.is_alive():
            self._thread.join()
        self._finisher.shutdown()
        self._cancel_jobs()

    @property
    def stopping(self) -> bool:
        """True if a long wait inside ``begin`` should end."""
        return self._stopping.is_set()

    def finish_pending(self) -> None:
        """Wait until the frame before is finished; ``begin`` calls this where it needs that."""
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._run_jobs()
            # The time-out closes the gap between looking for jobs and waiting for frames.
            frame = self._frames.take(timeout=0.1)
            if frame is None:
                continue
            self._run_jobs()
            try:
                pending = self._begin(frame)
            except Exception as error:
                self._on_error(error)
                continue
            self.finish_pending()
            self._pending = self._finisher.submit(self._finish, pending)

    def _finish(self, pending: PendingFrame[None]) -> None:
        try:
            pending.finish()
        except Exception as error:
            self._on_error(error)

    def _run_jobs(self) -> None:
        while self._jobs:
            self.finish_pending()
            job, future = self._jobs.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(job())
            except Exception as error:
                future.set_exception(error)

    def _cancel_jobs(self) -> None:
        while self._jobs:
            self._jobs.popleft()[1].cancel()
