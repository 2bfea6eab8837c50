"""Recordings of a place that is made or extended."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from localization_common.datasets import sequence as data
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import ConfigError, DatasetError
from localization_common.place import Place
from localization_common.place.drive_names import drive_name
from localization_common.recording_check.warnings import announce_checked


@dataclass(frozen=True)
class Recording:
    """Recording of a drive, without its true poses.

    Attributes:
        path: path of the recording.
        sequence: the drive; its name is unique in the place.
        reading: options with which it was read.
    """

    path: Path
    sequence: data.Sequence
    reading: RecordingOptions


def open_recordings(
    paths: Sequence[Path], reading: RecordingOptions, before: Sequence[Recording] = ()
) -> list[Recording]:
    """Open drives and give each a name of its own, which can name a file; a name that differs is printed.

    Args:
        paths: recordings.
        reading: options of reading them.
        before: recordings that the place has.

    Raises:
        ConfigError: no recording is given, or one twice.
        DatasetError: a recording cannot be read.
    """
    if not paths:
        raise ConfigError("drives: name at least one recording")
    resolved = [path.expanduser().resolve() for path in (*(r.path for r in before), *paths)]
    if doubled := sorted({str(path) for path in resolved if resolved.count(path) > 1}):
        raise ConfigError(f"drives: {', '.join(doubled)} is there twice; name each recording once")
    opened: list[Recording] = []
    for path in paths:
        sequence = announce_checked(open_sequence(path, reading), truth=False)
        name = drive_name(sequence.name, [r.sequence.name for r in (*before, *opened)])
        if name != sequence.name:
            print(f"{path}: the place has this drive as {name}", file=sys.stderr)
        opened.append(Recording(path, _hidden(sequence, name), reading))
    return opened


def recordings_of(place: Place, names: Iterable[str]) -> list[Recording]:
    """Open the recordings of a place's drives, as they were read when it was made.

    Raises:
        DatasetError: a recording is gone.
    """
    opened = []
    for name in names:
        path = Path(place.drive(name).recording)
        if not path.exists():
            raise DatasetError(
                f"{path}: the recording of drive {name} is gone, and a place is extended with the images of all its "
                "drives; put it back, or map all drives that exist into a new place"
            )
        reading = RecordingOptions(place=place.path)
        opened.append(Recording(path, _hidden(open_sequence(path, reading), name), reading))
    return opened


def _hidden(sequence: data.Sequence, name: str) -> data.Sequence:
    """Return the sequence without its true poses: the mapping does not use them."""
    return replace(sequence, name=name, map_T_camera=np.full_like(sequence.map_T_camera, np.nan))
