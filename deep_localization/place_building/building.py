"""Building of all parts of a place from a map."""

from __future__ import annotations

import math
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from deep_localization.place_building.keyframes import keyframes_of, posed
from deep_localization.place_building.progress_bars import progress_bars
from deep_localization.place_building.recordings import Recording
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.map_building import MapOptions, build_map
from dmn_ros.runtime.checkpoint import load_network
from localization_common.datasets.place_drives import describe_drive
from localization_common.errors import CameraError, DatasetError, MapError
from localization_common.files.git_commit import commit_of
from localization_common.files.trajectory_files import write_tum
from localization_common.place import MapScale, Place, PlaceDescription, PlaceWriter
from localization_common.place.choice import dmn_checkpoint
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
    recordings: list[Recording],
    network: Path | None,
    older: Place | None,
    command: str,
) -> None:
    """Write all parts of a place and make them visible.

    Args:
        place: the map.
        writer: writer of the place.
        parts: options of the parts.
        recordings: recording of each drive.
        network: checkpoint of dmn that the user names; else the place's own, or the shipped one.
        older: place that is extended, or None.
        command: command line, for the report.

    Raises:
        LocalizationError: a part cannot be built or written.
    """
    card = {"data": [drive.sequence.name for drive in place.drives], "scale": place.scale.source}
    with progress_bars("keyframe map", 1) as tick:
        keyframes_of(place, features=parts.runtime_features, card=card).save(writer.file("keyframes"))
        tick()
    if place.stored is not None:
        place.stored.save(writer.file("features"))
    left_out = [
        _context_map(place, writer, parts, network, older),
        _occupancy_and_report(place, writer, parts, command),
    ]
    for reason in filter(None, left_out):
        print(f"localization_map: {reason}", file=sys.stderr)
    for drive in place.drives:
        located, name = drive.located, drive.sequence.name
        write_tum(writer.poses(name), drive.sequence.stamps[located], drive.map_T_base[located])
    writer.commit(_description(place, writer.path.name, recordings, commit_of(Path(__file__).parent)))


def _context_map(
    place: MappedPlace, writer: PlaceWriter, parts: PlaceParts, network: Path | None, older: Place | None
) -> str:
    """Write the context map; return the reason where the network of dmn cannot use the drives.

    Later drives come first, since they show the place of today.
    """
    with progress_bars("context map", len(place.drives)) as tick:
        loaded, camera, _ = load_network(dmn_checkpoint(network, older))
        frames = []
        for drive in reversed(place.drives):
            try:
                frames.append(read_frames(posed(drive), camera, partial_views=loaded.config.partial_views))
            except (CameraError, DatasetError, MapError) as error:
                return f"no context map, so that dmn does not run in this place: {error}"
            tick()
        build_map(loaded, frames, parts.views).save(writer.file("context_map"))
    if network is not None:
        shutil.copyfile(network, writer.file("dmn"))
    return ""


def _occupancy_and_report(place: MappedPlace, writer: PlaceWriter, parts: PlaceParts, command: str) -> str:
    """Write the occupancy grid and the report; return the reason where there can be no grid."""
    reason, grid = "", None
    with progress_bars("occupancy grid and report", 2) as tick:
        try:
            grid = occupancy_grid(place, parts.occupancy)
            write_map_files(grid, writer.folder)
        except MapError as error:
            reason = f"no occupancy grid: {error}"
            place = replace(place, notes=(*place.notes, reason))
        tick()
        footer = f"{command} {commit_of(Path(__file__).parent)}"
        write_report(place, grid, writer.file("report"), title=f"Map of {writer.path.name}", footer=footer)
        tick()
    return reason


def _description(place: MappedPlace, name: str, recordings: list[Recording], commit: str) -> PlaceDescription:
    """Return the content of ``place.yaml``."""
    std = None if math.isnan(place.scale.std) else place.scale.std
    drives = tuple(
        describe_drive(r.sequence.name, r.path, drive.sequence, int(drive.located.sum()), r.reading)
        for drive, r in zip(place.drives, recordings, strict=True)
    )
    return PlaceDescription(name, MapScale(place.scale.metric, place.scale.source, std), drives, commit=commit)
