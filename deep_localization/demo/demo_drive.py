"""Drive of the demonstration: simulator, nodes and recorder, processes of their own over real DDS."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deep_localization.demo.demo_options import Demo
from deep_localization.evaluation.drive_results import Results
from deep_localization.evaluation.live import FRAME_WITHIN, wait_until_frame, wait_until_ready
from deep_localization.evaluation.node_processes import collect, commands
from deep_localization.evaluation.processes import ProcessError, Processes, adopt, ros_environment
from localization_common.files.shipped_files import shipped

if TYPE_CHECKING:
    from localization_common.ros.listener import Listener
    from localization_common.ros.recorder import Recorder

_SIMULATOR_TOPICS = {
    "image": "image",
    "labels": "image",
    "ground_truth/pose": "pose_stamped",
    "frames_published": "count",
}
_SIMULATOR = "simulator"
#: Seconds after which a drive cannot still be going on.
DRIVE_WITHIN = 600.0
#: Everybody who listens to the images: both nodes and the recorder.
_LISTENERS = 3


@dataclass(frozen=True)
class DemoRecording:
    """Messages of a drive: the estimates of the nodes, and the images and true poses of the simulator."""

    results: Results
    source: Recorder


def drive(options: Demo) -> DemoRecording:
    """Start everything, drive, and end everything, also when something fails.

    Raises:
        ProcessError: a process ended. NotReadyError: one did not start, or did not finish, in time.
    """
    models = options.models
    environment = ros_environment(shipped("config/fastdds.xml"))
    adopt(environment)
    from localization_common.ros.listener import listening  # late: the middleware reads the environment adopted above

    domain = int(environment["ROS_DOMAIN_ID"])
    with (
        Processes(options.output / "log", environment) as processes,
        listening(models.topics, domain=domain, name="demo") as listener,
    ):
        for name, arguments in commands(models, process_all=False, recorded_odometry=False, broadcast=True).items():
            processes.start(name, arguments)
        announce(f"starting nodes {' and '.join(models.nodes)} (ROS domain {domain}), logs in {options.output / 'log'}")
        wait_until_ready(listener, processes, models)
        source = listener.another(_SIMULATOR_TOPICS)
        processes.start(_SIMULATOR, simulator_command(options), may_finish=True)
        announce("starting the simulator")
        _watch_drive(listener, source, processes)
        last = max(source.by_stamp("ground_truth/pose"))
        wait_until_frame(listener, processes, models, last)
        listener.wait_for_status([f"/{name}" for name in models.nodes], timeout=FRAME_WITHIN)
        results = collect(listener, models, {s: r.received for s, r in source.by_stamp("image").items()})
        results.frames_in = source.latest("frames_published").value
        return DemoRecording(results, source)


def simulator_command(options: Demo) -> list[str]:
    """Arguments of ``python`` that start the simulator; it drives as soon as all subscribe to its images."""
    parameters = {
        "drive": options.drive,
        "seed": options.seed,
        "max_duration": float(options.duration),
        "width": options.width,
        "height": options.height,
        "rate": float(options.rate),
        "publish_labels": "true",
        "wait_for_subscribers": _LISTENERS,
        # The simulator sees a connection before the subscriber does.
        "start_delay": 1.0,
        "linger": 5.0,
    }
    given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return ["-m", "localization_sim.node", "--ros-args", *given]


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
