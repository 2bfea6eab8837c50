"""Options with which a place's drives were read, so that the same command line is not needed again."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import ConfigError, DatasetError
from localization_common.files.configuration import from_dict
from localization_common.place import DriveDescription, Place

#: Options that belong to a recording.
_KEPT = ("topics", "base_frame", "mount", "camera")


def read_as_before(path: Path, options: RecordingOptions) -> RecordingOptions:
    """Options with which a recording is read: those of the user, else those with which the place was made from it.

    Args:
        path: path of the recording.
        options: options of the user.

    Raises:
        MapError: the place cannot be read.
    """
    if options.place is None:
        return options
    named = os.path.abspath(path.expanduser())
    drives = [drive for drive in Place.open(options.place).description.drives if drive.recording == named]
    if not drives:
        return options
    before, default = _options_of(drives[0], options.place), RecordingOptions()
    unset = [name for name in _KEPT if getattr(options, name) == getattr(default, name)]
    return replace(options, **{name: getattr(before, name) for name in unset})


def options_to_keep(options: RecordingOptions) -> dict[str, Any]:
    """Options that differ from the defaults, for JSON; paths are made absolute."""
    default, kept = RecordingOptions(), {}
    for name in _KEPT:
        value = getattr(options, name)
        if value != getattr(default, name):
            kept[name] = asdict(value) if name == "topics" else os.path.abspath(value) if name == "camera" else value
    return kept


def _options_of(drive: DriveDescription, place: Path) -> RecordingOptions:
    """Options with which a drive was read.

    Raises:
        DatasetError: the place holds options that this program does not have.
    """
    values = dict(drive.reading)
    try:
        if unknown := set(values) - set(_KEPT):
            raise ConfigError(f"unknown options {sorted(unknown)}")
        topics = from_dict(BagTopics, values.pop("topics", {}))
        camera = values.pop("camera", None)
        options = from_dict(RecordingOptions, values)
        return replace(options, topics=topics, camera=None if camera is None else Path(camera))
    except (ConfigError, TypeError) as error:
        raise DatasetError(
            f"{place}: options of drive {drive.name} cannot be read ({error}); update this package, or build the place "
            "again (localization_map)"
        ) from error
