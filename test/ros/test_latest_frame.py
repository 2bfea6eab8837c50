"""Tests of the queue between callbacks and the worker, and of the worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from robot_stage import Stage
from waiting import wait_until

from localization_common.pending_frame import FinishedFrame
from localization_common.ros.latest_frame import LatestFrame
from localization_common.ros.worker import Worker
from vlocnet_ros.node import VlocnetNode


def test_the_newest_frame_is_kept_and_drops_are_counted() -> None:
    frames: LatestFrame[int] = LatestFrame()
    for i in range(5):
        frames.put(i)
    assert frames.take(0.0) == 4
    assert frames.take(0.0) is None
    assert (frames.received, frames.dropped) == (5, 4)


def test_a_queue_keeps_order_and_drops_the_oldest_beyond_its_capacity() -> None:
    frames: LatestFrame[int] = LatestFrame(capacity=3)
    for i in range(5):
        frames.put(i)
    assert [frames.take(0.0) for _ in range(4)] == [2, 3, 4, None]
    assert (frames.received, frames.dropped) == (5, 2)


def test_cleared_frames_count_as_dropped() -> None:
    frames: LatestFrame[int] = LatestFrame(capacity=3)
    frames.put(1)
    frames.put(2)
    frames.clear()
    assert (len(frames), frames.dropped) == (0, 2)


def test_frames_that_are_not_ready_wait_and_block_no_other() -> None:
    reached = [0]
    frames: LatestFrame[int] = LatestFrame(capacity=3, ready=lambda frame: frame <= reached[0])
    for i in (1, 2, 3):
        frames.put(i)
    assert frames.take(0.0) is None
    reached[0] = 1
    assert (frames.take(0.0), frames.take(0.0)) == (1, None)
    frames.put(4)
    frames.put(5)  # no room: it replaces the previous frame, so that the oldest ones become ready
    reached[0] = 9
    assert frames.take(0.0) == 5
    frames.accepted()
    assert (len(frames), frames.received, frames.dropped) == (0, 5, 3)


def test_a_bad_frame_does_not_cost_the_good_one_before_it() -> None:
    frames: LatestFrame[int] = LatestFrame(capacity=20, ready=lambda _: True)
    for i in range(12):
        frames.put(i)
    assert (len(frames), frames.dropped) == (8, 4)  # the limit of memory
    assert frames.take(0.0) == 11
    assert frames.take(0.0) == 10  # 11 was refused
    frames.put(12)
    frames.accepted()
    assert (len(frames), frames.dropped) == (1, 10)
    assert frames.take(0.0) == 12


def test_frames_that_never_become_ready_do_not_cost_one_that_is() -> None:
    frames: LatestFrame[int] = LatestFrame(capacity=4, ready=lambda frame: frame == 0)
    for i in (1, 2, 3, 0, 4, 5):
        frames.put(i)
    assert frames.take(0.0) == 0


def test_a_waiting_taker_gets_the_frame_at_once() -> None:
    frames: LatestFrame[str] = LatestFrame()
    taken: list[str | None] = []
    taker = threading.Thread(target=lambda: taken.append(frames.take(30.0)))
    taker.start()
    frames.put("frame")
    taker.join(5.0)
    assert taken == ["frame"]


def test_closing_ends_a_waiting_taker() -> None:
    frames: LatestFrame[str] = LatestFrame()
    taker = threading.Thread(target=frames.take)
    taker.start()
    frames.close()
    taker.join(5.0)
    assert not taker.is_alive()
    frames.put("late")
    assert frames.take(0.0) is None


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


def test_a_slow_node_drops_the_older_images_and_counts_them(stage: Stage) -> None:
    node = stage.start(VlocnetNode)
    stage.robot.mount_camera()
    stage.robot.await_processed("vlocnet", stage.robot.send(0))
    release, entered = threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert release.wait(10.0)

    node._worker.submit(hold)
    assert entered.wait(5.0)
    stamps = [stage.robot.send(i) for i in range(1, 6)]
    assert wait_until(lambda: node.frames.received == 6)
    release.set()
    stage.robot.await_processed("vlocnet", stamps[-1])
    assert sorted(stage.robot.recorder.by_stamp("vlocnet/processed"))[1:] == stamps[-1:]
    status = stage.status_now("vlocnet")
    assert status.values["frames received"] == "6"
    assert status.values["frames dropped"] == "4"
    assert status.values["frames processed"] == "2"


def test_a_node_that_processes_all_drops_nothing(stage: Stage) -> None:
    node = stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(30)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    assert sorted(stage.robot.recorder.by_stamp("vlocnet/processed")) == stamps
    assert node.frames.dropped == 0


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
