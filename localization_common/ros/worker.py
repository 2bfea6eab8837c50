"""A thread that does the slow work, so that callbacks never block, and one that ends what it began."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from localization_common.ros.latest_frame import LatestFrame

T = TypeVar("T")
#: What is left to do for a frame.
Rest = Callable[[], None]


class Worker(Generic[T]):
    """Feeds frames to ``process`` one at a time, and runs jobs (services, resets) between frames, in one thread.

    Because everything that touches the localizer runs here, the localizer needs no lock. What ``process`` answers is
    done in a second thread, frame after frame, while the next frame is processed: one frame behind at most, and before
    any job.

    Args:
        frames: where frames come from.
        process: called with each frame; answers what is left to do for it, if anything is.
        on_error: called with an exception that ``process``, or what it answered, let escape; the threads live on.
    """

    def __init__(
        self, frames: LatestFrame[T], process: Callable[[T], Rest | None], on_error: Callable[[Exception], None]
    ) -> None:
        self._frames, self._process, self._on_error = frames, process, on_error
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._second = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ending")
        self._left: Future[None] | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        """Run a job between frames; its result or its exception is in the future."""
        future: Future[Any] = Future()
        self._jobs.append((job, future))
        self._frames.wake()
        if self._stopping.is_set():
            self._cancel_jobs()
        return future

    def stop(self) -> None:
        """End the threads after the frames that they are working on; waiting jobs are cancelled."""
        self._stopping.set()
        self._frames.close()
        if self._thread.is_alive():
            self._thread.join()
        self._second.shutdown()
        self._cancel_jobs()

    @property
    def stopping(self) -> bool:
        """Whether a long wait inside ``process`` should give up."""
        return self._stopping.is_set()

    def settle(self) -> None:
        """Wait until nothing is left to do for the frames before; for ``process``, which needs it rarely."""
        if self._left is not None:
            self._left.result()
            self._left = None

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._run_jobs()
            # The time-out closes the gap between looking for jobs and waiting for frames.
            frame = self._frames.take(timeout=0.1)
            if frame is None:
                continue
            self._run_jobs()
            try:
                rest = self._process(frame)
            except Exception as error:
                self._on_error(error)
                continue
            self.settle()
            self._left = None if rest is None else self._second.submit(self._end, rest)

    def _end(self, rest: Rest) -> None:
        try:
            rest()
        except Exception as error:
            self._on_error(error)

    def _run_jobs(self) -> None:
        while self._jobs:
            self.settle()
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
