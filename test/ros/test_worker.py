"""Tests of the worker: frames, jobs between frames, and pending frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from waiting import wait_until

from localization_common.pending_frame import FinishedFrame
from localization_common.ros.latest_frame import LatestFrame
from localization_common.ros.worker import Worker


class RecordedWorker:
    """Worker whose frames are recorded; without `go` it waits inside a frame."""

    def __init__(self, capacity: int = 100) -> None:
        self.frames: LatestFrame[int] = LatestFrame(capacity)
        self.done: list[int] = []
        self.threads: set[int] = set()
        self.errors: list[Exception] = []
        self.go, self.entered = threading.Event(), threading.Event()
        self.go.set()
        self.worker = Worker(self.frames, self._begin, self.errors.append)
        self.worker.start()

    def _begin(self, frame: int) -> FinishedFrame[None]:
        self.entered.set()
        assert self.go.wait(10.0)
        self.threads.add(threading.get_ident())
        if frame < 0:
            raise ValueError(str(frame))
        self.done.append(frame)
        return FinishedFrame(None)


@pytest.fixture
def recording() -> Iterator[RecordedWorker]:
    recording = RecordedWorker()
    yield recording
    recording.go.set()
    recording.worker.stop()


def test_frames_are_processed_in_order_in_one_other_thread(recording: RecordedWorker) -> None:
    for i in range(20):
        recording.frames.put(i)
    assert wait_until(lambda: len(recording.done) == 20)
    assert recording.done == list(range(20))
    assert len(recording.threads) == 1
    assert threading.get_ident() not in recording.threads


def test_an_error_in_a_frame_is_reported_and_the_next_frame_is_processed(recording: RecordedWorker) -> None:
    recording.frames.put(-1)
    recording.frames.put(2)
    assert wait_until(lambda: recording.done == [2])
    assert [str(error) for error in recording.errors] == ["-1"]


def test_a_job_runs_between_frames_in_the_same_thread(recording: RecordedWorker) -> None:
    recording.go.clear()
    recording.frames.put(1)
    assert recording.entered.wait(5.0)
    recording.frames.put(2)
    job = recording.worker.submit(lambda: (threading.get_ident(), list(recording.done)))
    assert not job.done()
    recording.go.set()
    thread, done = job.result(5.0)
    assert done == [1]
    assert wait_until(lambda: recording.done == [1, 2])
    assert {thread} == recording.threads


def test_a_job_does_not_wait_for_a_frame(recording: RecordedWorker) -> None:
    began = time.monotonic()
    assert recording.worker.submit(lambda: 42).result(5.0) == 42
    assert time.monotonic() - began < 1.0


def test_the_error_of_a_job_is_in_its_future(recording: RecordedWorker) -> None:
    def fail() -> None:
        raise KeyError("why")

    with pytest.raises(KeyError, match="why"):
        recording.worker.submit(fail).result(5.0)


def test_stopping_waits_for_the_frame_and_cancels_jobs(recording: RecordedWorker) -> None:
    recording.go.clear()
    recording.frames.put(1)
    recording.frames.put(2)
    assert recording.entered.wait(5.0)
    job = recording.worker.submit(lambda: 1)
    stopper = threading.Thread(target=recording.worker.stop)
    stopper.start()
    recording.go.set()
    stopper.join(5.0)
    assert recording.done == [1]
    assert job.cancelled()
    assert recording.worker.submit(lambda: 1).cancelled()


@dataclass
class Pending:
    """Pending frame of `Finishing`."""

    finishing: Finishing
    frame: int

    def finish(self) -> None:
        assert self.finishing.through.acquire(timeout=10.0)
        self.finishing.threads.add(threading.get_ident())
        if self.frame < 0:
            raise ValueError(str(self.frame))
        self.finishing.finished.append(self.frame)


class Finishing:
    """Worker whose pending frames finish one by one, when `through` is released."""

    def __init__(self) -> None:
        self.frames: LatestFrame[int] = LatestFrame(100)
        self.begun: list[int] = []
        self.finished: list[int] = []
        self.threads: set[int] = set()
        self.errors: list[Exception] = []
        self.through = threading.Semaphore(0)
        self.worker = Worker(self.frames, self._begin, self.errors.append)
        self.worker.start()

    def _begin(self, frame: int) -> Pending:
        self.begun.append(frame)
        return Pending(self, frame)


@pytest.fixture
def finishing() -> Iterator[Finishing]:
    finishing = Finishing()
    yield finishing
    finishing.through.release(100)
    finishing.worker.stop()


def test_a_pending_frame_is_finished_beside_the_next_and_one_frame_behind_at_most(finishing: Finishing) -> None:
    for i in range(5):
        finishing.frames.put(i)
    for i in range(4):
        assert wait_until(lambda: len(finishing.begun) == i + 2), i  # noqa: B023 - called at once
        assert finishing.finished == list(range(i))
        finishing.through.release()
    finishing.through.release()
    assert wait_until(lambda: finishing.finished == list(range(5)))
    assert len(finishing.threads) == 1
    assert threading.get_ident() not in finishing.threads


def test_a_job_waits_until_the_frames_before_are_finished(finishing: Finishing) -> None:
    finishing.frames.put(1)
    assert wait_until(lambda: finishing.begun == [1])
    job = finishing.worker.submit(lambda: list(finishing.finished))
    finishing.frames.put(2)
    finishing.through.release(2)
    assert job.result(5.0)[:1] == [1]
    assert wait_until(lambda: finishing.finished == [1, 2])


def test_an_error_of_a_pending_frame_is_reported_and_the_next_one_is_finished(finishing: Finishing) -> None:
    finishing.frames.put(-1)
    finishing.frames.put(2)
    finishing.through.release(2)
    assert wait_until(lambda: finishing.finished == [2])
    assert [str(error) for error in finishing.errors] == ["-1"]


def test_stopping_waits_for_the_pending_frame(finishing: Finishing) -> None:
    finishing.frames.put(1)
    assert wait_until(lambda: finishing.begun == [1])
    stopper = threading.Thread(target=finishing.worker.stop)
    stopper.start()
    finishing.through.release()
    stopper.join(5.0)
    assert not stopper.is_alive()
    assert finishing.finished == [1]
