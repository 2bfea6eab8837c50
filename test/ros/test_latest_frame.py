"""Tests of the queue between callbacks and the worker."""

from __future__ import annotations

import threading

from robot_stage import Stage
from waiting import wait_until

from localization_common.ros.latest_frame import LatestFrame
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


def test_light_frames_come_first_and_none_of_them_is_dropped() -> None:
    frames: LatestFrame[int] = LatestFrame(20, lambda _: True, lambda frame: frame, lambda frame: frame < 3)
    for i in (2, 0, 1, 3, 4, 5):
        frames.put(i)
    for light in (0, 1, 2):
        assert frames.take(0.0) == light
        frames.accepted()
    assert (len(frames), frames.dropped) == (3, 0)
    assert frames.take(0.0) == 5
    frames.accepted()
    assert (len(frames), frames.dropped) == (0, 2)


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
