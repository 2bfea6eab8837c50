"""Building of all parts of a place from a map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from deep_localization.place_building.keyframes import keyframes_of, posed
from deep_localization.place_building.progress_bars import progress_bars
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.map_building import MapOptions, build_map
from dmn_ros.runtime.checkpoint import load_network
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import describe_drive
from localization_common.files.git_commit import commit_of
from localization_common.files.trajectory_files import write_tum
from localization_common.place import MapScale, PlaceDescription, PlaceWriter
from localization_mapping.mapped_place import MappedPlace
from localization_mapping.occupancy.building import occupancy_grid
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.occupancy.map_files import write_map_files
from localization_mapping.place_report.page import write_report


@dataclass(frozen=True)
class PlaceParts:
    """Options of the parts of a place.

    Attributes:
        occupancy: parameters of the occupancy grid.
        views: choice of the context map's views.
        runtime_features: largest number of features in an image of the robot.
    """

    occupancy: OccupancyConfig
    views: MapOptions
    runtime_features: int


def write_parts(
    place: MappedPlace,
    writer: PlaceWriter,
    parts: PlaceParts,
    *,
    recordings: list[Path],
    reading: RecordingOptions,
    network: Path,
    command: str,
) -> None:
    """Write all parts of a place and make them visible.

    Args:
        place: the map.
        writer: writer of the place.
        parts: options of the parts.
        recordings: path of each drive's recording.
        reading: options with which the recordings were read.
        network: checkpoint of dmn whose context map is built.
        command: command line, for the report.

    Raises:
        LocalizationError: a part cannot be built or written.
    """
    drives = place.drives
    card = {"data": [drive.sequence.name for drive in drives], "scale": place.scale.source}
    with progress_bars("keyframe map", 1) as tick:
        keyframes_of(place, features=parts.runtime_features, card=card).save(writer.file("keyframes"))
        tick()
    with progress_bars("context map", len(drives)) as tick:
        dmn, camera, _ = load_network(network)
        frames = []
        for drive in drives:
            frames.append(read_frames(posed(drive), camera))
            tick()
        build_map(dmn, frames, parts.views).save(writer.file("context_map"))
    with progress_bars("occupancy grid", 1) as tick:
        grid = occupancy_grid(place, parts.occupancy)
        write_map_files(grid, writer.folder)
        tick()
    commit = commit_of(Path(__file__).parent)
    with progress_bars("report", 1) as tick:
        write_report(
            place, grid, writer.file("report"), title=f"Map of {writer.path.name}", footer=f"{command} {commit}"
        )
        tick()
    for drive in drives:
        write_tum(
            writer.poses(drive.sequence.name), drive.sequence.stamps[drive.located], drive.map_T_base[drive.located]
        )
    scale = MapScale(place.scale.metric, place.scale.source, None if math.isnan(place.scale.std) else place.scale.std)
    described = tuple(
        describe_drive(drive.sequence.name, path, drive.sequence, int(drive.located.sum()), reading)
        for drive, path in zip(drives, recordings, strict=True)
    )
    writer.commit(PlaceDescription(writer.path.name, scale, described, commit=commit))
