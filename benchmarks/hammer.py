"""Hammer live nodes with malformed messages between valid ones: ``python benchmarks/hammer.py --help``.

Both nodes run as processes of their own. First come valid frames alone (the control), then the storm between valid
frames, then valid frames alone until the nodes say that they work. A pose is right if it is what the localizer, fed
without ROS with the valid frames that were answered, computes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import tyro
from rclpy.context import Context
from rclpy.node import Node

from benchmark_file import BenchmarkFile
from deep_localization.evaluation.node_processes import Models
from deep_localization.evaluation.processes import Processes, adopt, ros_environment
from hammer_judge import NodeReport, replayed_dmn, replayed_vlocnet, report_of
from hammer_messages import Storm
from hammer_robot import BASE, Robot
from hammer_tables import table
from hammer_watch import LogWatch, cpu_seconds, forget_peak, memory_mb
from localization_common.datasets.sequence import Sequence
from localization_common.ros.lifecycle_client import LifecycleClient
from localization_common.ros.spinning import spinning

REPOSITORY = Path(__file__).resolve().parents[1]
NODES = ("vlocnet", "dmn")


@dataclass(frozen=True)
class Hammering:
    """One run.

    Attributes:
        messages: malformed ones.
        rate: of malformed messages, Hz.
        valid_rate: of valid frames, Hz.
        seed: of the choice of messages.
        compressed: whether images are compressed.
        control: seconds of valid frames alone, before the storm.
        recovery: seconds of valid frames alone at most, after the storm.
    """

    messages: int = 10_000
    rate: float = 60.0
    valid_rate: float = 5.0
    seed: int = 0
    compressed: bool = False
    control: float = 20.0
    recovery: float = 15.0


@dataclass(frozen=True)
class Config:
    """Hammer live nodes with malformed messages between valid ones, once with raw and once with compressed images.

    Attributes:
        messages: malformed ones in each run.
        rate: of malformed messages, Hz.
        valid_rate: of valid frames, Hz.
        seed: of the first run's choice of messages; the second has the next one.
        transports: raw, compressed, or both.
        vlocnet: checkpoint.
        dmn: checkpoint; moved by the drive's odometry.
        map: context map of the dmn checkpoint.
        logs: folder for the nodes' logs; a temporary one by default.
        json: file for the numbers.
    """

    messages: int = 10_000
    rate: float = 60.0
    valid_rate: float = 5.0
    seed: int = 1
    transports: tuple[str, ...] = ("raw", "compressed")
    vlocnet: Path = Path("models/vlocnet_apartment_light.safetensors")
    dmn: Path = Path("models/dmn_apartment.safetensors")
    map: Path = Path("models/apartment_map.safetensors")
    logs: Path | None = None
    json: Path | None = None


@dataclass
class Outcome:
    """Result of a run: a report of each node, and how many messages of each kind were sent."""

    nodes: dict[str, NodeReport] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)


def commands(models: Models, *, compressed: bool) -> dict[str, list[str]]:
    """Arguments for ``python`` that start each node; poses are published however sure a node is of them."""
    assert models.vlocnet is not None
    assert models.dmn is not None
    assert models.map is not None
    common = {"base_frame_id": BASE, "threads": 1, "image_transport": "compressed" if compressed else "raw"}
    files = {"checkpoint": models.dmn.resolve(), "map_path": models.map.resolve()}
    values: dict[str, dict[str, Any]] = {
        "vlocnet": {**common, "checkpoint": models.vlocnet.resolve()},
        "dmn": {**common, **files, "localized_share": 1e-9, "localized_fit": -100.0, "tf_mode": "none"},
    }
    started = {}
    for name, parameters in values.items():
        given = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        started[name] = ["-m", f"{name}_ros.node", "--ros-args", *given]
    return started


class Clock:
    """Sends valid frames, and the storm between them, at their times."""

    def __init__(self, robot: Robot, storm: Storm, how: Hammering) -> None:
        self._robot, self._storm, self._how = robot, storm, how
        self._number, self._next = 0, 0.0

    def run(self, seconds: float, *, messages: int = 0, until: Callable[[], bool] = lambda: False) -> list[int]:
        """Valid frames for so long, with so many malformed messages; answers the valid stamps."""
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


def hammer(how: Hammering, drive: Sequence, models: Models, logs: Path, *, domain: int | None = None) -> Outcome:
    """Run both nodes and hammer them.

    Args:
        how: the run.
        drive: valid frames, with odometry.
        models: of both nodes.
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
            return _hammered(how, Robot(node, drive, compressed=how.compressed), models, processes, logs)
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _hammered(how: Hammering, robot: Robot, models: Models, processes: Processes, logs: Path) -> Outcome:
    watches = {name: LogWatch(logs / f"{name}.log") for name in NODES}
    storm = Storm(robot, np.random.default_rng(how.seed), list(NODES))
    clock = Clock(robot, storm, how)
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
    outcome = Outcome(sent=dict(sorted(storm.sent.items())))
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
    """Processors that each node kept busy since a time."""
    seconds = time.monotonic() - since
    return {name: (used - before[name]) / seconds for name, used in _cpu(processes).items()}


def _all_work(robot: Robot, ended: float, recovered: dict[str, float]) -> bool:
    """Whether each node said "working" after the storm; notes after how many seconds."""
    for record in robot.recorder.of("/diagnostics"):
        since = record.stamp * 1e-9 - ended
        if since > 0.0 and record.message == "working":
            recovered.setdefault(record.name.lstrip("/"), since)
    return len(recovered) == len(NODES)


def apartment(rate: float) -> Sequence:
    """The simulated robot's test drive, in memory."""
    from localization_common.camera import Camera
    from localization_sim import drive
    from localization_sim.rendering import open_apartment

    with open_apartment(0, Camera.from_field_of_view(320, 240, 90.0)) as renderer:
        planned = drive.plan(renderer, "test", rate=rate)
        return drive.in_memory(drive.as_sequence(renderer, planned, depth=False, labels=False))


def main() -> None:
    """Run, print, write."""
    config = tyro.cli(Config, description=__doc__)
    models, drive = Models(config.vlocnet, config.dmn, config.map), apartment(config.valid_rate)
    tables, runs = [], {}
    for seed, transport in enumerate(config.transports, config.seed):
        how = Hammering(config.messages, config.rate, config.valid_rate, seed, transport == "compressed")
        with tempfile.TemporaryDirectory() as folder:
            outcome = hammer(how, drive, models, (config.logs or Path(folder)) / transport)
        reports = {name: asdict(report) for name, report in outcome.nodes.items()}
        title = f"{config.messages} malformed messages at {config.rate:g} Hz, {transport} images, seed {seed}"
        tables.append(table(title, reports))
        runs[transport] = {"nodes": reports, "sent": outcome.sent}
    title = "Live nodes and malformed messages"
    BenchmarkFile.of(__file__, title=title, tables=tables, notes={}, runs=runs).publish(config.json)


if __name__ == "__main__":
    main()
