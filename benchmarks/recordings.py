"""Scores of one drive from recordings with missing data: ``python benchmarks/recordings.py --help``.

The test drive of the apartment is recorded with all data. Copies of the bag have true poses at the rate of amcl with a
gap, no TF, wheel odometry at 1 Hz, or wheel odometry with a gap. Frames and networks are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import tyro
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from benchmark_file import BenchmarkFile, Cell, Column, Table
from deep_localization.evaluation import scoring
from deep_localization.evaluation.drive_results import Results
from deep_localization.evaluation.localizers import Localizers
from deep_localization.evaluation.offline import run_offline
from dmn_ros.runtime.localizer import Localizer as DmnLocalizer
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_encoding import STORE
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_sim.commands.record import ApartmentRecording, record
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer

TRUTH, ODOMETRY, TF = "/ground_truth/pose", "/odom", "/tf_static"
#: Mount of the simulated camera as the option of a user.
MOUNT = (0.1, 0.0, 0.6, 0.0, 0.0, 0.0)
#: Decision about a message of a topic at a time in seconds from the first one: True keeps it.
Keep = Callable[[str, float], bool]


@dataclass(frozen=True)
class RecordingsConfig:
    """Score a drive from recordings with missing data.

    Attributes:
        folder: folder of the bags; missing bags are recorded.
        vlocnet: checkpoint of vlocnet.
        dmn: checkpoint of dmn; the recorded odometry moves the particles.
        map: context map of the dmn checkpoint.
        hole: begin and end of the gap without true poses, seconds.
        json: file for the numbers.
    """

    folder: Path = Path("build/recordings")
    vlocnet: Path = Path("models/vlocnet_apartment_light.safetensors")
    dmn: Path = Path("models/dmn_apartment.safetensors")
    map: Path = Path("models/apartment_map.safetensors")
    hole: tuple[float, float] = (30.0, 42.0)
    json: Path | None = None


@dataclass(frozen=True)
class RecordingVariant:
    """Copy of the bag: its messages, the options for reading it, and True if the particle filter runs on it."""

    name: str
    keep: Keep
    options: RecordingOptions = field(default_factory=RecordingOptions)
    filtered: bool = False


def thinned(topic: str, period: float, hole: tuple[float, float] = (0.0, 0.0)) -> Keep:
    """Keep one message of a topic in each period, seconds, and none in the gap."""
    last = [-period]

    def keep(name: str, seconds: float) -> bool:
        if name != topic:
            return True
        if hole[0] < seconds < hole[1] or seconds < last[0] + period - 1e-3:
            return False
        last[0] = seconds
        return True

    return keep


def variants(config: RecordingsConfig) -> list[RecordingVariant]:
    """List the copies to score; the first is complete."""
    start, end = config.hole
    return [
        RecordingVariant("everything", lambda topic, seconds: True, filtered=True),
        RecordingVariant(f"one true pose in 0.6 s, none for {end - start:g} s", thinned(TRUTH, 0.6, config.hole)),
        RecordingVariant("one true pose in 1 s", thinned(TRUTH, 1.0)),
        RecordingVariant("no TF, mount stated", lambda topic, seconds: topic != TF, RecordingOptions(mount=MOUNT)),
        RecordingVariant("no TF", lambda topic, seconds: topic != TF),
        RecordingVariant("wheel odometry at 1 Hz", thinned(ODOMETRY, 1.0), filtered=True),
        RecordingVariant("no wheel odometry for 12 s", thinned(ODOMETRY, 0.0, config.hole), filtered=True),
    ]


def copy(source: Path, target: Path, keep: Keep) -> Path:
    """Copy the messages of a bag that ``keep`` accepts; an existing copy stays."""
    if target.exists():
        return target
    with Reader(source) as reader, Writer(target, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        added = {}
        for connection, time, raw in reader.messages():
            if keep(connection.topic, (time - reader.start_time) * 1e-9):
                if connection.topic not in added:
                    kind = connection.msgtype
                    added[connection.topic] = writer.add_connection(connection.topic, kind, typestore=STORE)
                writer.write(added[connection.topic], time, raw)
    return target


def row(variant: RecordingVariant, sequence: Sequence, poses: Results, beliefs: Results | None) -> list[Cell]:
    """Row of one recording in the table."""
    scores = scoring.score(poses, sequence)["pose"]
    belief = None if beliefs is None else scoring.score(beliefs, sequence)["belief"]["median_m"]
    return [
        variant.name,
        len(sequence),
        int(sequence.has_pose.sum()),
        int(sequence.has_odometry.sum()),
        scores["median_m"],
        scores["median_deg"],
        belief,
    ]


def measured(config: RecordingsConfig) -> tuple[list[list[Cell]], dict[str, str]]:
    """Measure the rows of the table, and the reasons of refused recordings."""
    record(ApartmentRecording(output=config.folder, train=0, val=False, depth=False, labels=False))
    rows: list[list[Cell]] = []
    refused: dict[str, str] = {}
    poses: Results | None = None
    for number, variant in enumerate(variants(config)):
        bag = copy(config.folder / "test", config.folder / f"variant_{number}", variant.keep)
        try:
            sequence = open_sequence(bag, variant.options)
        except DatasetError as error:
            refused[f"{variant.name}: refused"] = str(error).removeprefix(f"{bag}: ")
            continue
        if poses is None:  # frames are the same in all of them
            poses = run_offline(sequence, Localizers(VlocnetLocalizer.from_checkpoint(config.vlocnet, threads=1)))
        beliefs = None
        if variant.filtered:
            filtering = Localizers(None, DmnLocalizer.from_files(config.dmn, config.map, threads=1))
            beliefs = run_offline(sequence, filtering, recorded_odometry=True)
        rows.append(row(variant, sequence, poses, beliefs))
    return rows, refused


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(RecordingsConfig, description=__doc__)
    rows, refused = measured(config)
    columns = (
        Column("recording"),
        Column("frames fed", "{:d}"),
        Column("with true pose", "{:d}"),
        Column("with odometry", "{:d}"),
        Column("vlocnet, position, median", "{:.4f} m"),
        Column("vlocnet, rotation, median", "{:.3f} deg"),
        Column("dmn, position, median", "{:.3f} m"),
    )
    file = BenchmarkFile.of(
        __file__,
        title="Recordings with missing data",
        tables=[Table("Test drive of the apartment", columns, rows)],
        notes=refused,
        runs={str(cells[0]): cells[1:] for cells in rows},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
