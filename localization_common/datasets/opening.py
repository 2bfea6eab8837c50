"""Opening of recorded data in any format."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from localization_common.datasets.cambridge import is_cambridge_scene, read_cambridge_split
from localization_common.datasets.formats import detect, format_of, is_deeploc, is_scene, named, require_known
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_options import read_as_before
from localization_common.datasets.place_poses import with_place_poses
from localization_common.datasets.pose_files import with_pose_file
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.seven_scenes import read_seven_scenes_split
from localization_common.datasets.summary import POSES, Finding
from localization_common.errors import DatasetError


def open_sequence(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of a recording in any of `formats.FORMATS`.

    Args:
        path: directory or file; the format is recognised by its content.
        options: options of reading; those that the format does not have are refused.

    Raises:
        DatasetError: there is nothing, the format is unknown or does not have an option, the reader refuses the data,
            or it is no drive of the place that the options name.
        MapError: the place of the options cannot be read.

    Example:
        >>> sequence = open_sequence("7scenes/redkitchen/seq-01")  # doctest: +SKIP
        >>> train = sequence.without_numbers(FrameRanges.parse("200-239,450-489"))  # doctest: +SKIP
    """
    location, options = _named(Path(path).expanduser()), options or RecordingOptions()
    found = format_of(location)
    options = read_as_before(location, options)
    require_known(location, found, options)
    try:
        read = found.read(location, options)
        sequence = read if found.name.endswith("bag") else _finished(read, options, location)
    except DatasetError as error:
        if str(location) in str(error):
            raise
        raise DatasetError(f"{location}: {error}") from error
    return with_place_poses(sequence, options)


def open_sequences(
    path: str | Path, options: RecordingOptions | None = None, *, split: str = "train"
) -> list[Sequence]:
    """Sequences under a path: those of a data set's split, those of a directory of sequences, or the one at the path.

    Args:
        path: scene directory of 7-Scenes or Cambridge Landmarks, directory of DeepLoc, directory whose entries
            `open_sequence` reads, or one sequence.
        options: options of reading, see `open_sequence`.
        split: ``train`` or ``test``, for a directory that has both; ignored elsewhere.
    """
    location, options = Path(path).expanduser(), options or RecordingOptions()
    if is_scene(location):
        require_known(location, named("7-Scenes"), options)
        read = read_seven_scenes_split(location, split, options)
        return [with_place_poses(_finished(s, options, location), options) for s in read]
    if is_cambridge_scene(location):
        require_known(location, named("Cambridge Landmarks"), options)
        read = read_cambridge_split(location, split, options)
        return [with_place_poses(_finished(s, options, location), options) for s in read]
    if is_deeploc(location):
        return [open_sequence(location / split, options)]
    if (location / f"transforms_{split}.json").is_file():
        return [open_sequence(location / f"transforms_{split}.json", options)]
    if location.is_dir() and detect(location) is None:
        inner = [entry for entry in sorted(location.iterdir()) if detect(entry) is not None]
        if inner:
            return [open_sequence(entry, options) for entry in inner]
    return [open_sequence(location, options)]


def _named(path: Path) -> Path:
    """Return the path with the name of its last folder: ``.`` and ``..`` have none."""
    return path if path.name not in ("", "..") else Path(os.path.abspath(path))


def _finished(sequence: Sequence, options: RecordingOptions, location: Path) -> Sequence:
    """Add the mount and the poses that the user gives."""
    if options.base_T_camera is not None:
        sequence = replace(sequence, base_T_camera=options.base_T_camera)
    elif options.pose_file is not None and format_of(location).name != "EuRoC":
        raise DatasetError(
            f"{location}: the poses of {options.pose_file} are the robot base's, and this format has no mount of "
            "the camera; give --mount X Y Z ROLL PITCH YAW (0 0 0 0 0 0: the base is the camera)"
        )
    sequence = with_pose_file(sequence, options)
    known = Finding(POSES, f"{int(sequence.has_pose.sum())} of {len(sequence)} frames")
    return replace(sequence, summary=sequence.summary.with_found(known))
