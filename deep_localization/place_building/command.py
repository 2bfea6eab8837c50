"""``localization_map``: make a place from drives: a robot localizes in it minutes later, without ground truth.

Needs the robot's camera and its wheel odometry. Writes a directory that all commands and the launch file take: poses,
keyframe map, context map, occupancy grid and a report.
"""

from __future__ import annotations

import shlex
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from deep_localization.place_building.building import PlaceParts, write_parts
from deep_localization.place_building.progress_bars import progress_bars
from deep_localization.place_building.recordings import open_recordings, recordings_of
from dmn_ros.map.map_building import MapOptions
from localization_common import command_line
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import ConfigError
from localization_common.place import Place, PlaceWriter
from localization_mapping.mapping import map_drives
from localization_mapping.measured_length import MeasuredLength
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.options import MappingOptions
from localization_mapping.stored_map import StoredMap


@dataclass(frozen=True)
class MapCommand:
    """Make a place from drives without ground truth.

    Attributes:
        drives: recordings of drives through one place, in any supported format.
        output: directory of the place.
        extend: add the drives to the place in output: its map frame stays, new parts grow, and points that are gone are
            removed. The recordings of its drives must still exist.
        length: measured length, for the scale of drives without wheel odometry and depth, refused for others; without
            one, the map of such drives is not metric, and nodes refuse it.
        dmn_checkpoint: checkpoint of dmn for the place, which is copied into it; by default the shipped one, which
            needs no training for the place.
        runtime_features: largest number of features in an image of the robot; more cost time in every frame.
        mapping: parameters of the mapping.
        occupancy: parameters of the occupancy grid.
        views: choice of the context map's views.
        recording: options of reading the recordings.
    """

    drives: Annotated[tuple[Path, ...], tyro.conf.Positional]
    output: Path
    extend: bool = False
    length: Annotated[MeasuredLength, tyro.conf.arg(name="")] = field(default_factory=MeasuredLength)
    dmn_checkpoint: Path | None = None
    runtime_features: int = 800
    mapping: MappingOptions = field(default_factory=MappingOptions)
    occupancy: OccupancyConfig = field(default_factory=OccupancyConfig)
    views: MapOptions = field(default_factory=MapOptions)
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def main() -> int:
    """Run the command line; a killed or interrupted mapping goes on where it was when the command is run again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    began = time.monotonic()
    with command_line.command("localization_map", interrupted="interrupted; the same command goes on where it was"):
        command = command_line.options_of(MapCommand, __doc__)
        build(command)
        print(f"{command.output}: ready after {time.monotonic() - began:.0f} s; see {command.output / 'report.html'}")
    return 0


def build(command: MapCommand) -> None:
    """Map the drives and write the place.

    Raises:
        LocalizationError: a recording cannot be read or mapped, or the place cannot be written.
    """
    if command.recording.place is not None:
        raise ConfigError("place: localization_map makes a place: name it with --output, and --extend to add drives")
    older = Place.open(command.output) if command.extend else None
    existing = None if older is None else StoredMap.load(older.file("features"))
    known = [] if older is None or existing is None else recordings_of(older, existing.drives)
    recordings = [*known, *open_recordings(command.drives, command.recording, known)]
    with PlaceWriter(command.output, extends=older) as writer:
        place = map_drives(
            [recording.sequence for recording in recordings],
            command.mapping,
            existing=existing,
            length=command.length,
            cache=writer.cache,
            progress=progress_bars,
        )
        write_parts(
            place,
            writer,
            PlaceParts(command.occupancy, command.views, command.runtime_features),
            recordings=recordings,
            network=command.dmn_checkpoint,
            older=older,
            command=shlex.join(["localization_map", *sys.argv[1:]]),
        )


if __name__ == "__main__":
    sys.exit(main())
