"""`vlocnet_build_keyframes`: from recorded frames with poses, a map that vlocnet's poses are refined against.

Keyframes cover the recording; their features become points, by known poses and a bundle adjustment (pycolmap). Give
the map to the node as `keyframe_map`, or to `vlocnet_evaluate`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tyro

from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import Recording
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError, LocalizationError
from localization_common.recording_check.warnings import announce_checked
from vlocnet_ros.keyframes.building import IgnoredPixels, KeyframeConfig, build, choose
from vlocnet_ros.refinement.covariance_scale import calibrate
from vlocnet_ros.refinement.repeated_views import mark_repeated_views
from vlocnet_ros.runtime.localizer import Localizer

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BuildConfig:
    """Build a keyframe map.

    Attributes:
        sequences: recordings with poses (or directories of them) in any format that can be read; cameras may differ.
        output: safetensors file to write.
        frames: only these frame numbers, such as 0-119.
        exclude: not these frame numbers.
        movable: names of classes whose pixels give no points, such as those of people and chairs.
        segmentation: checkpoint of vlocnet that tells the classes, where the recording has no labels.
        keyframes: numbers of the building.
        recording: how the recordings are read.
    """

    sequences: tuple[Path, ...]
    output: Path
    frames: str = ""
    exclude: str = ""
    movable: tuple[str, ...] = ()
    segmentation: Path | None = None
    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    recording: Recording = field(default_factory=RecordingOptions)


def main() -> None:
    """Entry point of `vlocnet_build_keyframes`."""
    config = tyro.cli(BuildConfig, description=__doc__)
    try:
        build_keyframes(config)
    except LocalizationError as error:
        sys.exit(f"vlocnet_build_keyframes: {error}")


def build_keyframes(config: BuildConfig) -> None:
    """Read, build, write."""
    started = time.monotonic()
    opened = (s for path in config.sequences for s in open_sequences(path, config.recording))
    sequences = [announce_checked(s).chosen(config.frames, config.exclude).with_poses() for s in opened]
    keyframes = choose(sequences, config.keyframes, _ignored(config))
    print(f"{len(keyframes.given)} keyframes of {sum(map(len, sequences))} frames")
    card = {"data": [s.name for s in sequences], "movable": list(config.movable)}
    known = mark_repeated_views(build(keyframes, config.keyframes, card), keyframes.features, sequences[0].camera)
    known = calibrate(known, sequences)
    known.save(config.output)
    moved = np.linalg.norm(known.correction.given[:, :3, 3] - known.correction.adjusted[:, :3, 3], axis=1)
    print(f"{len(known.points)} points, rays off by {known.noise * known.focal:.2f} pixels")
    print(f"given positions off by {100 * np.median(moved):.1f} cm in the median, {100 * moved.max():.1f} cm at most")
    print(f"covariances multiplied by {known.covariance_scale:.2f}")
    print(f"{known.doubles.mean():.0%} of the keyframes look like another place")
    print(f"{config.output}: {config.output.stat().st_size / 1e6:.2f} MB, in {time.monotonic() - started:.0f} s")


def _ignored(config: BuildConfig) -> IgnoredPixels:
    """Which pixels of a frame show things that move."""
    if not config.movable:
        return lambda sequence, position: None
    labels = _segmentation(config.segmentation) if config.segmentation is not None else _recorded
    wanted = set(config.movable)

    def ignored(sequence: Sequence, position: int) -> Mask:
        ids, names = labels(sequence, position)
        unknown = wanted - set(names)
        if unknown:
            raise DatasetError(f"movable: {sorted(unknown)} are not among the classes {list(names)}")
        return np.isin(ids, [names.index(name) for name in wanted])

    return ignored


Labels = tuple[npt.NDArray[np.uint8], tuple[str, ...]]


def _recorded(sequence: Sequence, position: int) -> Labels:
    """Labels (H, W) of the recording, and the names of the classes."""
    if sequence.read_labels is None:
        raise DatasetError(f"{sequence.name}: no labels to tell movable things by; give --segmentation a checkpoint")
    return sequence.read_labels(position), sequence.class_names


def _segmentation(checkpoint: Path) -> Callable[[Sequence, int], Labels]:
    """Labels that a network finds; each frame is looked at by itself."""
    localizer = Localizer.from_checkpoint(checkpoint, fuse=False)
    if not localizer.tasks.segmentation:
        raise DatasetError(f"{checkpoint}: this network knows no classes; give one that segments")

    def labels(sequence: Sequence, position: int) -> Labels:
        localizer.set_camera(sequence.camera)
        found = localizer.step(sequence.read_image(position), int(sequence.stamps[position])).labels
        assert found is not None
        return localizer.labels_in_image(found), localizer.class_names

    return labels


if __name__ == "__main__":
    main()
