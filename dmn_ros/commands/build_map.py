"""``dmn_build_map``: choose views of drives by coverage and write them as a map file."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.map_building import MapOptions, build_map, extend_map
from dmn_ros.runtime.checkpoint import load_network
from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import LocalizationError
from localization_common.recording_check.warnings import announce_checked


@dataclass(frozen=True)
class BuildMapCommand:
    """Choose views by coverage of position and heading from drives through one place, and write a map.

    Attributes:
        drives: recordings with poses, in any supported format.
        checkpoint: checkpoint of the network that will localise in the map.
        output: map file to write.
        extend: context map of the same place to extend: its unreliable views are replaced, new parts are added.
        options: choice of the views.
        recording: options of reading recordings.
    """

    drives: Annotated[list[Path], tyro.conf.Positional]
    checkpoint: Path = Path("models/dmn_apartment.safetensors")
    output: Path = Path("build/map.safetensors")
    extend: Path | None = None
    options: MapOptions = field(default_factory=MapOptions)
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def main() -> None:
    """Run the command line."""
    arguments = tyro.cli(BuildMapCommand)
    try:
        network, camera, _ = load_network(arguments.checkpoint)
        opened = [announce_checked(open_sequence(path, arguments.recording)) for path in arguments.drives]
        drives = [read_frames(sequence.with_poses(), camera) for sequence in opened]
        context_map = build_map(network, drives, arguments.options)
        if arguments.extend is not None:
            context_map = extend_map(ContextMap.load(arguments.extend), context_map, arguments.options)
        context_map.save(arguments.output)
    except LocalizationError as error:
        sys.exit(f"dmn_build_map: {error}")
    print(f"{arguments.output}: {len(context_map)} views of {sum(len(d.poses) for d in drives)} frames")


if __name__ == "__main__":
    main()
