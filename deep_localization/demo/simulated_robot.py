"""Options of every demonstration: apartment, drive and camera of the simulated robot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SimulatedRobot:
    """Simulated robot that drives through an apartment.

    Attributes:
        output: folder for metrics.json, report.html, pictures and the logs of the processes.
        drive: name of the drive; ``test`` is the held-out loop.
        seed: seed of the apartment.
        duration: seconds of driving; 0 drives the whole loop.
        starts: number of random frames at which the particle filter starts from a uniform belief; 0 for none.
        width: width of the images, pixels.
        height: height of the images, pixels.
        rate: images per second.
    """

    output: Path = Path("build/demo")
    drive: str = "test"
    seed: int = 0
    duration: float = 0.0
    starts: int = 50
    width: int = 320
    height: int = 240
    rate: float = 5.0

    @property
    def log_dir(self) -> Path:
        """Folder of the logs of the processes."""
        return self.output / "log"

    def simulator_command(self, listeners: int) -> list[str]:
        """Arguments of ``python`` that start the simulator; it drives as soon as so many subscribe to its images."""
        parameters = {
            "drive": self.drive,
            "seed": self.seed,
            "max_duration": float(self.duration),
            "width": self.width,
            "height": self.height,
            "rate": float(self.rate),
            "publish_labels": "true",
            "wait_for_subscribers": listeners,
            # The simulator sees a connection before the subscriber does.
            "start_delay": 1.0,
            "linger": 5.0,
        }
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        return ["-m", "localization_sim.node", "--ros-args", *given]
