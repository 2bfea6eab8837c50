"""Run of `hammer`: both nodes in their own processes, a control, the storm, and the recovery."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.context import Context
from rclpy.node import Node

from deep_localization.evaluation.models import Models
from deep_localization.evaluation.processes import Processes, adopt, ros_environment
from hammer_judge import NodeReport, replayed_dmn, replayed_vlocnet, report_of
from hammer_messages import Storm
from hammer_robot import BASE, HammerRobot
from hammer_watch import LogWatch, cpu_seconds, forget_peak, memory_mb
from localization_common.datasets.sequence import Sequence
from localization_common.ros.lifecycle_client import LifecycleClient
from localization_common.ros.spinning import spinning

REPOSITORY = Path(__file__).resolve().parents[1]
NODES = ("vlocnet", "dmn")


@dataclass(frozen=True)
class Hammering:
    """Settings of one run.

    Attributes:
        messages: number of malformed messages.
        rate: rate of malformed messages, Hz.
        valid_rate: rate of valid frames, Hz.
        seed: seed of the messages.
        compressed: images are compressed.
        control: time with valid frames only before the storm, seconds.
        recovery: longest time with valid frames only after the storm, seconds.
    """

    messages: int = 10_000
    rate: float = 60.0
    valid_rate: float = 5.0
    seed: int = 0
    compressed: bool = False
    control: float = 20.0
    recovery: float = 15.0


@dataclass
class HammerOutcome:
    """Result of a run: a report of each node, and the number of messages of each kind."""

    nodes: dict[str, NodeReport] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)


def commands(models: Models, *, compressed: bool) -> dict[str, list[str]]:
    """Arguments for ``python`` that start each node.

    dmn publishes its pose also if it is not localized. map -> odom is not smoothed: it is compared with each pose.
    """
    assert models.vlocnet is not None
    assert models.dmn is not None
    assert models.map is not None
    common = {"base_frame_id": BASE, "threads": 1, "image_transport": "compressed" if compressed else "raw"}
    files = {"checkpoint": models.dmn.resolve(), "map_path": models.map.resolve()}
    values: dict[str, dict[str, Any]] = {
        "vlocnet": {**common, "checkpoint": models.vlocnet.resolve(), "max_correction_speed": 0.0},
        "dmn": {
            **common,
            **files,
            "localized_share": 1e-9,
            "localized_images": 1,
            "localized_fit": -100.0,
            "tf_mode": "none",
        },
    }
    started = {}
    for name, parameters in values.items():
        given = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        started[name] = ["-m", f"{name}_ros.node", "--ros-args", *given]
    return started


class MessageSchedule:
    """Sends valid frames and malformed messages at their times."""

    def __init__(self, robot: HammerRobot, storm: Storm, how: Hammering) -> None:
        self._robot, self._storm, self._how = robot, storm, how
        self._number, self._next = 0, 0.0

    def run(self, seconds: float, *, messages: int = 0, until: Callable[[], bool] = lambda: False) -> list[int]:
        """Send valid frames for some seconds, with malformed messages between them; return the valid stamps."""
        start, frames, sent = max(time.monotonic(), self._next), 0, 0
        stamps: list[int] = []
        while True:
            frame_at, message_at = frames / self._how.valid_rate, (sent + 0.5) / self._how.rate
            if sent >= messages and (frame_at >= seconds or until()):
                self._next = start + frame_at
                return stamps
            due = min(frame_at, message_at) if sent < messages else frame_at
            time.sleep(max(0.0, start + due - time.monotonic()))
            if sent < messages and message_at < frame_at:
                self._storm.publish(time.time_ns())
                sent += 1
            else:
                stamps.append(self._robot.send(self._number))
                self._number, frames = self._number + 1, frames + 1


def hammer(how: Hammering, drive: Sequence, models: Models, logs: Path, *, domain: int | None = None) -> HammerOutcome:
    """Run both nodes and send them malformed messages.

    Args:
        how: settings of the run.
        drive: valid frames, with odometry.
        models: files of both nodes.
        logs: folder for the nodes' logs.
        domain: ROS_DOMAIN_ID; a random one by default.

    Raises:
        ProcessError: a node ended.
    """
    environment = ros_environment(REPOSITORY / "config/fastdds.xml", domain=domain)
    adopt(environment)
    context = Context()
    rclpy.init(context=context, domain_id=int(environment["ROS_DOMAIN_ID"]))
    node = Node("robot", context=context)
    try:
        with Processes(logs, environment) as processes, spinning(node):
            for name, arguments in commands(models, compressed=how.compressed).items():
                processes.start(name, arguments)
            return _hammered(how, HammerRobot(node, drive, compressed=how.compressed), models, processes, logs)
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _hammered(how: Hammering, robot: HammerRobot, models: Models, processes: Processes, logs: Path) -> HammerOutcome:
    watches = {name: LogWatch(logs / f"{name}.log") for name in NODES}
    storm = Storm(robot, np.random.default_rng(how.seed), list(NODES))
    clock = MessageSchedule(robot, storm, how)
    for name in NODES:
        client = LifecycleClient(robot.node, name)
        while not client.wait_until_active(5.0):
            processes.check()
    while not robot.connected():
        time.sleep(0.05)
    clock.run(60.0, until=lambda: all(robot.recorder.count(f"{name}/pose") >= 5 for name in NODES))  # warm up
    used, since = _cpu(processes), time.monotonic()
    control = clock.run(how.control)
    quiet = _cores(processes, used, since)
    start_mb = {name: memory_mb(pid) for name, pid in processes.pids.items()}
    for pid in processes.pids.values():
        forget_peak(pid)
    used, since = _cpu(processes), time.monotonic()
    began = time.time()
    stormy = clock.run(how.messages / how.rate, messages=how.messages)
    ended = time.time()
    busy = _cores(processes, used, since)
    recovered: dict[str, float] = {}
    clock.run(how.recovery, until=lambda: _all_work(robot, ended, recovered))
    processes.check()
    memory = {name: (start_mb[name], memory_mb(pid, "VmHWM"), memory_mb(pid)) for name, pid in processes.pids.items()}
    processes.stop()
    right = {"vlocnet": replayed_vlocnet(robot, models), "dmn": replayed_dmn(robot, models)}
    outcome = HammerOutcome(sent=dict(sorted(storm.sent.items())))
    for name, watch in watches.items():
        watch.close()
        lines = watch.between(began, ended)
        outcome.nodes[name] = report_of(
            name,
            robot,
            right[name],
            control,
            stormy,
            memory[name],
            (quiet[name], busy[name]),
            lines,
            recovered.get(name),
        )
    return outcome


def _cpu(processes: Processes) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in processes.pids.items()}


def _cores(processes: Processes, before: dict[str, float], since: float) -> dict[str, float]:
    """Mean number of cores that each node used since a time."""
    seconds = time.monotonic() - since
    return {name: (used - before[name]) / seconds for name, used in _cpu(processes).items()}


def _all_work(robot: HammerRobot, ended: float, recovered: dict[str, float]) -> bool:
    """Return True if each node reported "working" after the storm; store the seconds until then.

    map -> odom follows each pose in full here: a network with random weights reports relocalisations without end.
    """
    for record in robot.recorder.of("/diagnostics"):
        since = record.stamp * 1e-9 - ended
        works = record.message == "working" or record.message.startswith("relocalized: ")
        if since > 0.0 and works and "; " not in record.message:
            recovered.setdefault(record.name.lstrip("/"), since)
    return len(recovered) == len(NODES)
