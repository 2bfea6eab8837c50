"""Command ``localization_demo``: a simulated robot drives the held-out loop of the apartment, both nodes localize it.

Simulator and nodes are processes of their own that talk over real DDS; what they publish is recorded and scored.
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from deep_localization.evaluation.drive_results import Results
from deep_localization.evaluation.live import FRAME_WITHIN, wait_until_frame, wait_until_ready
from deep_localization.evaluation.node_processes import Models, collect, commands
from deep_localization.evaluation.processes import ProcessError, Processes, adopt, ros_environment
from deep_localization.shipped_files import shipped
from localization_common.errors import LocalizationError

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
class Demo:
    """Drive through the simulated apartment with both localizers, and score what they publish.

    Attributes:
        output: folder for metrics.json, report.html, pictures and the logs of the processes.
        vlocnet: checkpoint; by default the shipped one.
        dmn: checkpoint; by default the shipped one.
        map: context map of that checkpoint; by default the shipped one.
        keyframe_map: that vlocnet's poses are refined against, such as models/apartment_keyframes.safetensors; by
            default none, to see what the network does by itself.
        drive: which drive; ``test`` is the held-out loop, which no network was trained on.
        seed: which apartment; the shipped checkpoints know apartment 0.
        duration: end after so many seconds of driving; 0 drives the whole loop.
        starts: random places of the loop from which the particle filter starts knowing nothing; 0 for none.
        width: of the images, pixels.
        height: of the images, pixels.
        rate: images per second.
    """

    output: Path = Path("build/demo")
    vlocnet: Path = field(default_factory=lambda: Path("models/vlocnet_apartment_light.safetensors"))
    dmn: Path = field(default_factory=lambda: Path("models/dmn_apartment.safetensors"))
    map: Path = field(default_factory=lambda: Path("models/apartment_map.safetensors"))
    keyframe_map: Path | None = None
    drive: str = "test"
    seed: int = 0
    duration: float = 0.0
    starts: int = 50
    width: int = 320
    height: int = 240
    rate: float = 5.0

    @property
    def models(self) -> Models:
        """Files of the networks; relative ones that are not there are looked for among the shipped files."""
        named = (self.vlocnet, self.dmn, self.map, self.keyframe_map)
        return Models(*(path if path is None or path.is_file() else shipped(str(path)) for path in named))

    @property
    def refined(self) -> bool:
        """Whether poses are refined."""
        return self.keyframe_map is not None


@dataclass(frozen=True)
class Recording:
    """What was published during a drive: estimates, and the drive itself as the simulator showed it."""

    results: Results
    source: Recorder


def drive(options: Demo) -> Recording:
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
        say(f"starting nodes {' and '.join(models.nodes)} (ROS domain {domain}), logs in {options.output / 'log'}")
        wait_until_ready(listener, processes, models)
        source = listener.another(_SIMULATOR_TOPICS)
        processes.start(_SIMULATOR, simulator_command(options), may_finish=True)
        say("starting the simulator")
        _watch_drive(listener, source, processes)
        last = max(source.by_stamp("ground_truth/pose"))
        wait_until_frame(listener, processes, models, last)
        listener.wait_for_status([f"/{name}" for name in models.nodes], timeout=FRAME_WITHIN)
        results = collect(listener, models, {s: r.received for s, r in source.by_stamp("image").items()})
        results.frames_in = source.latest("frames_published").value
        return Recording(results, source)


def simulator_command(options: Demo) -> list[str]:
    """Arguments for ``python`` that start the simulator, which drives as soon as all listen to its images."""
    parameters = {
        "drive": options.drive,
        "seed": options.seed,
        "max_duration": float(options.duration),
        "width": options.width,
        "height": options.height,
        "rate": float(options.rate),
        "publish_labels": "true",
        "wait_for_subscribers": _LISTENERS,
        # Connected on the simulator's side is not yet connected on all others'.
        "start_delay": 1.0,
        "linger": 5.0,
    }
    given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
    return ["-m", "localization_sim.node", "--ros-args", *given]


def _watch_drive(listener: Listener, source: Recorder, processes: Processes) -> None:
    """Wait until the simulator has finished its drive; say how far it is every ten seconds."""
    began, spoken = time.monotonic(), 0.0

    def finished() -> bool:
        nonlocal spoken
        processes.check()
        if time.monotonic() - began > spoken + 10.0:
            spoken = time.monotonic() - began
            say(f"{source.count('ground_truth/pose')} frames driven")
        return processes.finished(_SIMULATOR)

    if not listener.wait(finished, DRIVE_WITHIN):
        raise ProcessError(f"the simulator has not finished its drive after {DRIVE_WITHIN:.0f} s")


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Entry point of ``localization_demo``; exit status 1 if something failed or a frame was lost in transport."""
    options = tyro.cli(Demo)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that the children are ended
    began = time.monotonic()
    try:
        recording = drive(options)
        say("scoring")
        from deep_localization.demo.demo_scoring import (
            evaluate,
        )  # late: torch and plots take seconds that nodes need to start

        result = evaluate(options, recording)
    except LocalizationError as error:
        sys.exit(f"localization_demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(result.text())
    print(f"{time.monotonic() - began:.0f} s; report: {options.output / 'report.html'}")
    if recording.results.lost_in_transport:
        sys.exit("localization_demo: frames were lost between simulator and nodes; is shared memory (/dev/shm) full?")


if __name__ == "__main__":
    main()
