"""Drive of the demonstration: simulator, nodes and recorder, processes of their own over real DDS."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deep_localization.demo.simulated_robot import SimulatedRobot
from deep_localization.evaluation.drive_results import Results
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.node_processes import collect, commands
from deep_localization.evaluation.node_waits import FRAME_WITHIN, wait_until_frame, wait_until_ready
from deep_localization.evaluation.processes import ProcessError, Processes, adopt, ros_environment
from localization_common.files.shipped_files import shipped

if TYPE_CHECKING:
    from localization_common.ros.listener import Listener
    from localization_common.ros.recorder import Recorder

_SIMULATOR_TOPICS = {
    "image": "image",
    "labels": "image",
    "ground_truth/pose": "pose_stamped",
    "odom": "odometry",
    "frames_published": "count",
}
_SIMULATOR = "simulator"
#: Seconds after which a drive cannot still be going on.
DRIVE_WITHIN = 600.0


@dataclass(frozen=True)
class DemoRecording:
    """Messages of a drive: the estimates of the nodes, and the images, odometry and true poses of the simulator."""

    results: Results
    source: Recorder


def drive(robot: SimulatedRobot, models: Models, *, wheels: bool = False) -> DemoRecording:
    """Start simulator, nodes and recorder, drive, and end everything, also when something fails.

    Args:
        robot: simulated robot.
        models: files of the nodes.
        wheels: wheel odometry moves the particles, instead of vlocnet's.

    Raises:
        ProcessError: a process ended. NotReadyError: one did not start, or did not finish, in time.
    """
    environment = ros_environment(shipped("config/fastdds.xml"))
    adopt(environment)
    from localization_common.ros.listener import listening  # late: the middleware reads the environment adopted above

    domain = int(environment["ROS_DOMAIN_ID"])
    with (
        Processes(robot.log_dir, environment) as processes,
        listening(models.topics, domain=domain, name="demo") as listener,
    ):
        started = commands(
            models, process_all=False, recorded_odometry=wheels, broadcast=True, proposals=models.without_network
        )
        for name, arguments in started.items():
            processes.start(name, arguments)
        announce(f"starting nodes {' and '.join(models.nodes)} (ROS domain {domain}), logs in {robot.log_dir}")
        wait_until_ready(listener, processes, models)
        source = listener.another(_SIMULATOR_TOPICS)
        processes.start(_SIMULATOR, robot.simulator_command(len(models.nodes) + 1), may_finish=True)
        announce("starting the simulator")
        _watch_drive(listener, source, processes)
        last = max(source.by_stamp("ground_truth/pose"))
        wait_until_frame(listener, processes, models, last)
        listener.wait_for_status([f"/{name}" for name in models.nodes], timeout=FRAME_WITHIN)
        results = collect(listener, models, {s: r.received for s, r in source.by_stamp("image").items()})
        results.frames_in = source.latest("frames_published").value
        return DemoRecording(results, source)


def _watch_drive(listener: Listener, source: Recorder, processes: Processes) -> None:
    """Wait until the simulator has finished its drive; print the progress every ten seconds."""
    began, announced = time.monotonic(), 0.0

    def finished() -> bool:
        nonlocal announced
        processes.check()
        if time.monotonic() - began > announced + 10.0:
            announced = time.monotonic() - began
            announce(f"{source.count('ground_truth/pose')} frames driven")
        return processes.finished(_SIMULATOR)

    if not listener.wait(finished, DRIVE_WITHIN):
        raise ProcessError(f"the simulator has not finished its drive after {DRIVE_WITHIN:.0f} s")


def announce(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)
