"""``localization_map``: make a place from drives: a robot localizes in it minutes later, without ground truth.

Needs the robot's camera and its wheel odometry. Writes a directory that all commands and the launch file take: poses,
keyframe map, context map, occupancy grid and a report.
"""

from __future__ import annotations

import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from deep_localization.place_building.building import PlaceParts, write_parts
from deep_localization.place_building.progress_bars import progress_bars
from dmn_ros.map.map_building import MapOptions
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import LocalizationError
from localization_common.files.shipped_files import shipped
from localization_common.place import PlaceWriter
from localization_common.place.choice import GENERAL_DMN
from localization_common.recording_check.warnings import announce_checked
from localization_mapping.mapping import map_drives
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.options import MappingOptions


@dataclass(frozen=True)
class MapCommand:
    """Make a place from drives without ground truth.

    Attributes:
        drives: recordings of drives through one place, in any supported format.
        output: directory of the place.
        dmn_checkpoint: checkpoint of dmn whose context map is made; by default the shipped one, which needs no training
            for the place.
        runtime_features: largest number of features in an image of the robot; more cost time in every frame.
        mapping: parameters of the mapping.
        occupancy: parameters of the occupancy grid.
        views: choice of the context map's views.
        recording: options of reading the recordings.
    """

    drives: Annotated[tuple[Path, ...], tyro.conf.Positional]
    output: Path
    dmn_checkpoint: Path | None = None
    runtime_features: int = 800
    mapping: MappingOptions = field(default_factory=MappingOptions)
    occupancy: OccupancyConfig = field(default_factory=OccupancyConfig)
    views: MapOptions = field(default_factory=MapOptions)
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def main() -> None:
    """Run the command line."""
    command = tyro.cli(MapCommand, description=__doc__)
    began = time.monotonic()
    try:
        build(command)
    except LocalizationError as error:
        sys.exit(f"localization_map: {error}")
    print(f"{command.output}: ready after {time.monotonic() - began:.0f} s; see {command.output / 'report.html'}")


def build(command: MapCommand) -> None:
    """Map the drives and write the place."""
    network = shipped(GENERAL_DMN) if command.dmn_checkpoint is None else command.dmn_checkpoint
    sequences = [announce_checked(open_sequence(path, command.recording)) for path in command.drives]
    with PlaceWriter(command.output) as writer:
        place = map_drives(sequences, command.mapping, cache=writer.cache, progress=progress_bars)
        parts = PlaceParts(command.occupancy, command.views, command.runtime_features)
        write_parts(
            place,
            writer,
            parts,
            recordings=list(command.drives),
            reading=command.recording,
            network=network,
            command=shlex.join(["localization_map", *sys.argv[1:]]),
        )


if __name__ == "__main__":
    main()
