"""Send malformed messages between valid ones to live nodes: ``python benchmarks/hammer.py --help``.

Both nodes run in their own processes. First they receive valid frames only (the control), then malformed messages
between valid frames (the storm), then valid frames only, until both nodes report that they work. A pose is right if it
is equal to the pose of the localizer without ROS for the same valid frames.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro

from benchmark_file import BenchmarkFile
from deep_localization.evaluation.models import Models
from hammer_run import Hammering, hammer
from hammer_tables import table
from localization_common.datasets.sequence import Sequence


@dataclass(frozen=True)
class HammerConfig:
    """Send malformed messages between valid ones to live nodes, once with raw and once with compressed images.

    Attributes:
        messages: number of malformed messages in each run.
        rate: rate of malformed messages, Hz.
        valid_rate: rate of valid frames, Hz.
        seed: seed of the messages of the first run; the second run has the next seed.
        transports: raw, compressed, or both.
        vlocnet: checkpoint of vlocnet.
        dmn: checkpoint of dmn; the drive's odometry moves the particles.
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


def apartment(rate: float) -> Sequence:
    """Render the test drive of the simulated robot in memory."""
    from localization_common.camera import Camera
    from localization_sim import drive
    from localization_sim.rendering import open_apartment

    with open_apartment(0, Camera.from_field_of_view(320, 240, 90.0)) as renderer:
        planned = drive.plan(renderer, "test", rate=rate)
        return drive.in_memory(drive.as_sequence(renderer, planned, depth=False, labels=False))


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(HammerConfig, description=__doc__)
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
