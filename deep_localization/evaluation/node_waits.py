"""Waits for nodes in their own processes: until they are ready and connected, and until a frame is processed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deep_localization.evaluation.models import Models
from deep_localization.evaluation.processes import Processes
from localization_common.errors import NotReadyError

if TYPE_CHECKING:
    from localization_common.ros.listener import Listener
    from localization_common.ros.sequence_player import SequencePlayer

#: Longest time, seconds, until nodes have loaded their weights on a busy computer.
READY_WITHIN = 180.0
#: Value of vlocnet on /diagnostics: the number of subscribers that are connected to its odometry.
ODOMETRY_SUBSCRIBERS = "odometry subscribers"
#: Longest time of one frame, seconds.
FRAME_WITHIN = 30.0


def wait_until_ready(
    listener: Listener, processes: Processes, models: Models, player: SequencePlayer | None = None
) -> None:
    """Wait until every node is active and all topics are connected, on both sides.

    Raises:
        ProcessError: a node ended.
        NotReadyError: a node is not ready in time; the message has the reason from its diagnostics.
    """
    for name in models.nodes:

        def active(name: str = name) -> bool:
            processes.check()
            status = listener.status(f"/{name}")
            return status is not None and (status.values["state"] == "active" or "failed" in status.message)

        listener.wait(active, READY_WITHIN)
        status = listener.status(f"/{name}")
        if status is None or status.values["state"] != "active":
            raise NotReadyError(f"node {name} is not ready: {_message(listener, name)}")
    listener.wait(lambda: not listener.missing_publishers(), READY_WITHIN)
    if missing := listener.missing_publishers():
        raise NotReadyError(f"nobody publishes {', '.join(missing)}")
    readers = models.without_network + (models.dmn is not None)
    if player is not None and not player.wait_for_subscribers(len(models.nodes), readers, timeout=FRAME_WITHIN):
        raise NotReadyError(f"not all of {len(models.nodes)} nodes subscribe to images, camera_info and odometry")
    # A connection may exist on this side before the other: wait for the next diagnostics message of each node.
    listener.wait_for_status([f"/{name}" for name in models.nodes], timeout=FRAME_WITHIN)


def wait_until_read(listener: Listener, processes: Processes, models: Models) -> None:
    """Wait until vlocnet's odometry has its subscribers: without them, dmn would wait for a message that is gone.

    Raises:
        ProcessError: a node ended.
        NotReadyError: the subscribers do not connect in time.
    """
    if set(models.nodes) != {"vlocnet", "dmn"} or models.without_network:
        return
    expected = 2  # dmn, and this listener

    def connected() -> bool:
        processes.check()
        status = listener.status("/vlocnet")
        return status is not None and int(status.values[ODOMETRY_SUBSCRIBERS]) >= expected

    if not listener.wait(connected, FRAME_WITHIN):
        raise NotReadyError(f"dmn did not connect to the odometry of vlocnet in {FRAME_WITHIN:.0f} s")


def wait_until_frame(listener: Listener, processes: Processes, models: Models, stamp: int) -> None:
    """Wait until every node has reported this frame, or a later one, as processed.

    Raises:
        ProcessError: a node ended.
        NotReadyError: a node did not process the frame in time.
    """

    def done() -> bool:
        processes.check()
        return all(_processed(listener, name, stamp) for name in models.nodes)

    if not listener.wait(done, FRAME_WITHIN):
        late = [name for name in models.nodes if not _processed(listener, name, stamp)]
        reasons = "; ".join(f"{name}: {_message(listener, name)}" for name in late)
        raise NotReadyError(f"frame {stamp} was not processed in {FRAME_WITHIN:.0f} s by {reasons}")


def _processed(listener: Listener, node: str, stamp: int) -> bool:
    """True if a node has reported this frame, or a later one, as processed."""
    record = listener.recorder.latest(f"{node}/processed")
    return record is not None and record.stamp >= stamp


def _message(listener: Listener, node: str) -> str:
    """Text of a node on /diagnostics."""
    status = listener.status(f"/{node}")
    return "it did not report on /diagnostics" if status is None else status.message
