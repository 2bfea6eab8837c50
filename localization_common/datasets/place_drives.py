"""Recordings of a place's drives: their description, and their recognition.

A recording is recognised by the stamps and the look of some of its frames: a name may change, and simulated drives
share their stamps.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.options import RECORDED, RecordingOptions
from localization_common.datasets.place_options import options_to_keep
from localization_common.datasets.sequence import Sequence
from localization_common.errors import ConfigError, DatasetError
from localization_common.place.description import DriveDescription, FrameLook, Row
from localization_common.place.place import Place

#: Width and height of a look, pixels, and the number of frames whose look is kept.
_SIZE = (8, 6)
_LOOKS = 5
#: Largest mean difference of two looks of one image, grey levels: JPEG decoders differ by less than one.
_SAME = 2.0


def describe_drive(
    name: str, recording: str | Path, sequence: Sequence, located: int, options: RecordingOptions | None = None
) -> DriveDescription:
    """Describe a drive of a place.

    Args:
        name: name of the drive in the place.
        recording: path of the recording; it is made absolute.
        sequence: all frames of the recording, with the camera and the mount that the mapping used.
        located: number of frames that have a pose.
        options: options with which the recording was read.
    """
    chosen = np.unique(np.linspace(0, len(sequence) - 1, _LOOKS).astype(int)).tolist()
    looks = tuple(FrameLook(int(sequence.stamps[i]), _look(sequence, i).tobytes().hex()) for i in chosen)
    first, last = int(sequence.stamps[0]), int(sequence.stamps[-1])
    path = os.path.abspath(Path(recording).expanduser())
    mount = _rows(sequence.base_T_camera)
    reading = options_to_keep(options or RecordingOptions())
    return DriveDescription(name, path, len(sequence), located, first, last, sequence.camera, mount, looks, reading)


def find_drive(place: Place, sequence: Sequence) -> DriveDescription:
    """Drive of a place that was made from this recording.

    Args:
        place: the place.
        sequence: all frames of the recording.

    Raises:
        DatasetError: the recording is none of the place's drives; names them.
    """
    for drive in place.description.drives:
        if _is_recording_of(drive, sequence):
            return drive
    drives = "; ".join(f"{drive.name} ({drive.recording})" for drive in place.description.drives)
    raise DatasetError(
        f"{sequence.name}: is no drive of {place.path}, which has no poses for it: no drive has its stamps and its "
        f"images; drives of the place: {drives}; give one of them, add this one with localization_map --extend, or "
        f"name poses in the place's map frame: --poses FILE, or --poses {RECORDED} for those in the recording"
    )


def named_or_drives(
    named: Collection[Path], place: Place | None, left_out: Collection[Path] = (), *, option: str = "recordings"
) -> list[Path]:
    """Recordings that a user names, else those of a place's drives that exist; the others are named on standard error.

    Args:
        named: recordings that the user names.
        place: the place, if one is given.
        left_out: recordings of the place that have another use, such as validation.
        option: option that names recordings, for messages.

    Raises:
        ConfigError: there are neither.
        DatasetError: no recording of the place exists.
    """
    if named:
        return list(named)
    if place is None:
        raise ConfigError(f"{option}: name at least one recording, or a place (--place PLACE)")
    drives = [Path(drive.recording) for drive in place.description.drives]
    other = {Path(os.path.abspath(path.expanduser())) for path in left_out}
    wanted = [path for path in drives if path not in other]
    missing = [path for path in wanted if not path.exists()]
    if len(missing) == len(wanted):
        where = ", ".join(map(str, missing)) or f"{len(drives)} drives, {len(drives) - len(wanted)} of them left out"
        raise DatasetError(f"{place.path}: no recording of it exists ({where}); copy them there, or name recordings")
    for path in missing:
        print(f"left out: {path}, a drive of {place.path}, does not exist", file=sys.stderr)
    return [path for path in wanted if path not in missing]


def _is_recording_of(drive: DriveDescription, sequence: Sequence) -> bool:
    """Check whether a recording has the stamps and the looks of a drive."""
    if not drive.looks or (sequence.camera.width, sequence.camera.height) != (drive.camera.width, drive.camera.height):
        return False
    stamps = [look.stamp for look in drive.looks]
    positions = np.searchsorted(sequence.stamps, stamps)
    if not (positions < len(sequence)).all() or (sequence.stamps[positions] != stamps).any():
        return False
    return all(_agree(look, _look(sequence, int(i))) for look, i in zip(drive.looks, positions, strict=True))


def _look(sequence: Sequence, position: int) -> npt.NDArray[np.uint8]:
    grey = cv2.cvtColor(sequence.read_image(position), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _agree(look: FrameLook, found: npt.NDArray[np.uint8]) -> bool:
    try:
        kept = np.frombuffer(bytes.fromhex(look.pixels), dtype=np.uint8)
    except ValueError:
        return False
    return kept.size == found.size and float(np.abs(kept - found.ravel().astype(float)).mean()) < _SAME


def _rows(matrix: npt.NDArray[np.float64]) -> tuple[Row, Row, Row, Row]:
    first, second, third, fourth = (tuple(row) for row in matrix.tolist())
    return first, second, third, fourth
