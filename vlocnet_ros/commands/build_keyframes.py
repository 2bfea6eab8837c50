"""`vlocnet_build_keyframes`: build a keyframe map from recorded frames with poses, to refine vlocnet's poses.

Keyframes cover the recording. Their features become points, by the given poses and a bundle adjustment (pycolmap). The
node and `vlocnet_evaluate` take the map as `keyframe_map`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.command_line import command, options_of
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import named_or_drives
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.outputs import require_writable_file
from localization_common.keyframes.building import IgnoredPixels, KeyframeConfig, build, choose
from localization_common.place.choice import open_if_given, output_path, writing
from localization_common.recording_check.warnings import announce_checked
from localization_common.refinement.covariance_scale import calibrate
from localization_common.refinement.repeated_views import mark_repeated_views
from vlocnet_ros.runtime.localizer import Localizer

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BuildConfig:
    """Build a keyframe map.

    Attributes:
        sequences: recordings with poses (or directories of them) in any format that can be read; cameras may differ. By
            default all drives of the place.
        output: safetensors file to write; by default the place's keyframe map.
        frames: only these frame numbers, such as 0-119.
        exclude: not these frame numbers.
        movable: names of classes without points in the map, such as those of people and chairs.
        segmentation: checkpoint of vlocnet that labels the images, for recordings without labels.
        keyframes: parameters of the map.
        recording: options for reading the recordings.
    """

    sequences: tuple[Path, ...] = ()
    output: Path | None = None
    frames: str = ""
    exclude: str = ""
    movable: tuple[str, ...] = ()
    segmentation: Path | None = None
    keyframes: KeyframeConfig = field(default_factory=KeyframeConfig)
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def main() -> None:
    """Entry point of `vlocnet_build_keyframes`."""
    with command("vlocnet_build_keyframes"):
        build_keyframes(options_of(BuildConfig, __doc__))


def build_keyframes(config: BuildConfig) -> None:
    """Read the recordings, build the map and write it."""
    started = time.monotonic()
    place = open_if_given(config.recording.place)
    require_writable_file(output_path(config.output, place, "keyframes"))
    opened = (s for path in named_or_drives(config.sequences, place) for s in open_sequences(path, config.recording))
    sequences = [announce_checked(s).chosen(config.frames, config.exclude).with_poses() for s in opened]
    keyframes = choose(sequences, config.keyframes, _ignored(config))
    print(f"{len(keyframes.given)} keyframes of {sum(map(len, sequences))} frames")
    card = {"data": [s.name for s in sequences], "movable": list(config.movable)}
    built = build(keyframes, config.keyframes, card)
    keyframe_map = mark_repeated_views(built, keyframes.features, sequences[0].camera)
    keyframe_map = calibrate(keyframe_map, sequences)
    with writing(config.output, place, "keyframes") as output:
        keyframe_map.save(output)
    moved = np.linalg.norm(keyframe_map.correction.given[:, :3, 3] - keyframe_map.correction.adjusted[:, :3, 3], axis=1)
    print(f"{len(keyframe_map.points)} points, rays off by {keyframe_map.noise * keyframe_map.focal:.2f} pixels")
    print(f"given positions off by {100 * np.median(moved):.1f} cm in the median, {100 * moved.max():.1f} cm at most")
    print(f"covariances multiplied by {keyframe_map.covariance_scale:.2f}")
    print(f"{keyframe_map.repeated_view.mean():.0%} of the keyframes have a similar view elsewhere")
    print(f"{output}: {output.stat().st_size / 1e6:.2f} MB, in {time.monotonic() - started:.0f} s")


def _ignored(config: BuildConfig) -> IgnoredPixels:
    """Return the function that finds the pixels of moving objects in a frame."""
    if not config.movable:
        return lambda sequence, position: None
    labels = _segmentation(config.segmentation) if config.segmentation is not None else _recorded
    movable = set(config.movable)

    def ignored(sequence: Sequence, position: int) -> Mask:
        ids, names = labels(sequence, position)
        unknown = movable - set(names)
        if unknown:
            raise DatasetError(f"movable: {sorted(unknown)} are not among the classes {list(names)}")
        return np.isin(ids, [names.index(name) for name in movable])

    return ignored


Labels = tuple[npt.NDArray[np.uint8], tuple[str, ...]]


def _recorded(sequence: Sequence, position: int) -> Labels:
    """Return labels (H, W) of the recording, and the names of the classes."""
    if sequence.read_labels is None:
        raise DatasetError(
            f"{sequence.name}: no labels, so movable objects are unknown; give --segmentation a checkpoint"
        )
    return sequence.read_labels(position), sequence.class_names


def _segmentation(checkpoint: Path) -> Callable[[Sequence, int], Labels]:
    """Return the function that labels frames with a network, each frame independently."""
    localizer = Localizer.from_checkpoint(checkpoint, fuse=False)
    if not localizer.tasks.segmentation:
        raise DatasetError(f"{checkpoint}: this network has no classes; give one with segmentation")

    def labels(sequence: Sequence, position: int) -> Labels:
        localizer.set_camera(sequence.camera)
        found = localizer.step(sequence.read_image(position), int(sequence.stamps[position])).labels
        assert found is not None
        return localizer.labels_in_image(found), localizer.class_names

    return labels


if __name__ == "__main__":
    main()
