"""``dmn_build_map``: choose views of drives by coverage and write them as a map file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.drive_frames import read_frames
from dmn_ros.map.hand_held import upright
from dmn_ros.map.map_building import MapOptions, build_map, extend_map
from dmn_ros.map.place_map import install
from dmn_ros.runtime.checkpoint import load_network
from localization_common.command_line import command, options_of
from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import named_or_drives
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.files.outputs import require_writable_file
from localization_common.place.choice import dmn_checkpoint, open_if_given
from localization_common.recording_check.warnings import announce_checked


@dataclass(frozen=True)
class BuildMapCommand:
    """Choose views by coverage of position and heading from drives through one place, and write a map.

    Attributes:
        drives: recordings with poses, in any supported format; by default all drives of the place.
        checkpoint: checkpoint of the network that will localise in the map; by default the place's, else that of the
            simulated apartment. With --place and without --output, it becomes the place's.
        output: map file to write; by default the place's context map, without a place build/map.safetensors.
        extend: context map of the same place to extend: its unreliable views are replaced, new parts are added.
        hand_held: the camera is held by hand: each image is rotated upright by the roll and pitch of its pose. The z
            axis of the poses' frame points up.
        options: choice of the views.
        recording: options of reading recordings.
    """

    drives: Annotated[list[Path], tyro.conf.Positional] = field(default_factory=list)
    checkpoint: Path | None = None
    output: Path | None = None
    extend: Path | None = None
    hand_held: bool = False
    options: MapOptions = field(default_factory=MapOptions)
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def build(arguments: BuildMapCommand) -> str:
    """Build the map and write it; return a line about it."""
    place = open_if_given(arguments.recording.place)
    output = arguments.output or Path("build/map.safetensors")
    if place is not None and arguments.output is None:
        output = place.location("context_map")
    require_writable_file(output)
    recordings = named_or_drives(arguments.drives, place, option="drives")
    checkpoint = dmn_checkpoint(arguments.checkpoint, place)
    network, camera, _ = load_network(checkpoint)
    opened = [announce_checked(open_sequence(path, arguments.recording)) for path in recordings]
    partial = network.config.partial_views
    if arguments.hand_held:
        opened = [upright(sequence, camera, partial_views=partial) for sequence in opened]
    drives = [read_frames(sequence.with_poses(), camera, partial_views=partial) for sequence in opened]
    context_map = build_map(network, drives, arguments.options)
    if arguments.extend is not None:
        context_map = extend_map(ContextMap.load(arguments.extend), context_map, arguments.options)
    if place is not None and arguments.output is None:
        install(place, context_map, network=arguments.checkpoint)
    else:
        context_map.save(output)
    return f"{output}: {len(context_map)} views of {sum(len(d.poses) for d in drives)} frames"


def main() -> None:
    """Run the command line."""
    with command("dmn_build_map"):
        print(build(options_of(BuildMapCommand)))


if __name__ == "__main__":
    main()
