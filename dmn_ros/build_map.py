"""``dmn_build_map``: picks views of drives by coverage and writes them as a map file."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from dmn_ros.checkpoint import load_network
from dmn_ros.context_map import ContextMap
from dmn_ros.coverage import cover
from dmn_ros.network.dmn import DMN
from dmn_ros.network.embedding import images_to_tensor
from dmn_ros.sources import Frames, bounds_of, read_frames
from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import Recording
from localization_common.errors import LocalizationError
from localization_common.recording_check.warnings import announce_checked


@dataclass(frozen=True)
class MapOptions:
    """Which views a map gets.

    Attributes:
        spacing_d, spacing_a: a pose this near to a view, metres and radians, is covered by it.
        max_views: stop at this many views.
        bounds: min_x min_y max_x max_y of where the robot can be, metres; by default the drives with a margin.
        margin: metres round the drives.
        frame_id: name of the map frame.
    """

    spacing_d: float = 0.8
    spacing_a: float = 0.6
    max_views: int = 80
    bounds: tuple[float, float, float, float] | None = None
    margin: float = 0.5
    frame_id: str = "map"


@torch.inference_mode()
def build_map(network: DMN, drives: list[Frames], options: MapOptions) -> ContextMap:
    """Map of views chosen from drives through one place, in one map frame, for the robot of the first drive."""
    mount = drives[0].mount
    poses = np.concatenate([drive.on_base(mount).poses for drive in drives])
    chosen = cover(poses, spacing_d=options.spacing_d, spacing_a=options.spacing_a, max_views=options.max_views)
    images = torch.cat([drive.images for drive in drives])[torch.from_numpy(chosen)]
    features = network.context_embedding(images_to_tensor(images))
    return ContextMap(
        features=features,
        poses=poses[chosen],
        bounds=options.bounds or bounds_of(poses, options.margin),
        scale=network.config.metres_per_unit,
        frame_id=options.frame_id,
        fingerprint=network.context_fingerprint(),
        mount=mount,
    )


@dataclass(frozen=True)
class Arguments:
    """Pick views by coverage of position and heading from drives through one place, and write a map.

    Attributes:
        drives: recordings with poses in any format that can be read.
        checkpoint: the network that will localise in the map.
        output: map file to write.
        options: which views.
        recording: how the recordings are read.
    """

    drives: Annotated[list[Path], tyro.conf.Positional]
    checkpoint: Path = Path("models/dmn_apartment.safetensors")
    output: Path = Path("build/map.safetensors")
    options: MapOptions = field(default_factory=MapOptions)
    recording: Recording = field(default_factory=RecordingOptions)


def main() -> None:
    """Command line."""
    arguments = tyro.cli(Arguments)
    try:
        network, camera, _ = load_network(arguments.checkpoint)
        opened = [announce_checked(open_sequence(path, arguments.recording)) for path in arguments.drives]
        drives = [read_frames(sequence.with_poses(), camera) for sequence in opened]
        context_map = build_map(network, drives, arguments.options)
        context_map.save(arguments.output)
    except LocalizationError as error:
        sys.exit(f"dmn_build_map: {error}")
    print(f"{arguments.output}: {len(context_map)} views of {sum(len(d.poses) for d in drives)} frames")


if __name__ == "__main__":
    main()
