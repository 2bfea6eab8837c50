"""Poses of a recording from the place that was made from it: the option ``--place``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import find_drive
from localization_common.datasets.sequence import Sequence
from localization_common.datasets.summary import POSES, TRUE_POSES, Finding
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import read_tum
from localization_common.place import DriveDescription, Place


def with_place_poses(sequence: Sequence, options: RecordingOptions) -> Sequence:
    """Sequence with the poses, the camera and the mount of the place's drive; unchanged if other poses are named.

    Args:
        sequence: all frames of a recording.
        options: ``place``, ``poses``; a ``camera`` or a ``mount`` must be those that the place was made with.

    Raises:
        DatasetError: the recording is no drive of the place, or its camera or mount is another one.
        MapError: the place cannot be read.
    """
    if options.place is None or options.poses:
        return sequence
    place = Place.open(options.place)
    drive = find_drive(place, sequence)
    if options.camera is not None and sequence.camera != drive.camera:
        raise DatasetError(f"{options.camera}: is not the camera with which {place.path} was made; leave --camera out")
    if options.mount is not None and not np.allclose(sequence.base_T_camera, drive.mount, atol=1e-6):
        raise DatasetError(f"mount {options.mount} is not that with which {place.path} was made; leave --mount out")
    map_T_base = _at(sequence, place, drive)
    posed = int(np.isfinite(map_T_base[:, 0, 0]).sum())
    text = f"{posed} of {len(sequence)} frames, of drive {drive.name} in {place.path}"
    found = tuple(one for one in sequence.summary.found if one.name not in (TRUE_POSES, POSES))
    return replace(
        sequence,
        camera=drive.camera,
        base_T_camera=drive.mount,
        map_T_camera=map_T_base @ drive.mount,
        summary=replace(sequence.summary, found=(*found, Finding(TRUE_POSES, text))),
    )


def _at(sequence: Sequence, place: Place, drive: DriveDescription) -> npt.NDArray[np.float64]:
    """Poses (N, 4, 4) of the base at the frames; NaN where the place has none."""
    file = place.poses(drive.name)
    located = read_tum(file)
    positions = np.searchsorted(sequence.stamps, located.stamps).clip(max=len(sequence) - 1)
    strange = sequence.stamps[positions] != located.stamps
    if strange.any():
        raise DatasetError(
            f"{file}: {int(strange.sum())} of {len(strange)} poses have the stamp of no frame of {sequence.name}; "
            "take another copy of the recording, or build the place again (localization_map)"
        )
    map_T_base = np.full((len(sequence), 4, 4), np.nan)
    map_T_base[positions] = located.poses
    return map_T_base
