"""Small places on disk, made with the writer of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from drawn_frames import drive_pose, picture

from localization_common.camera import Camera
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import describe_drive
from localization_common.datasets.sequence import Sequence
from localization_common.files.trajectory_files import write_tum
from localization_common.geometry import se3
from localization_common.place import MapScale, Place, PlaceDescription, PlaceWriter

METRIC = MapScale(True, "wheel odometry", 0.002)
#: Pose of the recordings' map frame in the map frame of `place_of`.
PLACE_T_RECORDED = se3.exp(np.array([3.0, -2.0, 0.5, 0.1, 0.2, 1.0]))
NOT_METRIC = MapScale(False, "no odometry, no depth, no known distance")


def drawn_drive(name: str = "monday", *, frames: int = 12, first: int = 0) -> Sequence:
    """Drive of drawn pictures at 5 Hz; its stamps do not depend on ``first``, the number of its first picture."""
    base_T_camera = se3.BODY_T_OPTICAL.copy()
    base_T_camera[:3, 3] = (0.1, 0.0, 0.4)
    return Sequence(
        name=name,
        camera=Camera.from_field_of_view(64, 48, 90.0),
        frame_numbers=np.arange(frames),
        stamps=1_700_000_000_000_000_001 + 200_000_000 * np.arange(frames, dtype=np.int64),
        map_T_camera=np.stack([drive_pose(first + number) for number in range(frames)]),
        read_image=lambda position: picture(3 * (first + position), (64, 48)),
        base_T_camera=base_T_camera,
    )


def description(*drives: Sequence, scale: MapScale = METRIC, located: int = 11) -> PlaceDescription:
    described = tuple(describe_drive(drive.name, f"/bags/{drive.name}", drive, located) for drive in drives)
    return PlaceDescription("kitchen", scale, described, commit="0123456789")


def make_place(path: Path, *drives: Sequence, scale: MapScale = METRIC, content: bytes = b"keyframes") -> Place:
    """Place of drives whose frames all have poses but the last one; its keyframe map is no real one."""
    drives = drives or (drawn_drive(),)
    with PlaceWriter(path) as writer:
        writer.file("keyframes").write_bytes(content)
        for drive in drives:
            write_tum(writer.poses(drive.name), drive.stamps[:-1], drive.map_T_base[:-1])
        return writer.commit(description(*drives, scale=scale, located=len(drives[0]) - 1))


def place_of(path: Path, *recordings: Path, options: RecordingOptions | None = None) -> Place:
    """Place of recordings whose last frame could not be located, with a map frame of its own."""
    drives = []
    with PlaceWriter(path) as writer:
        for recording in recordings:
            sequence = open_sequence(recording, options)
            write_tum(writer.poses(recording.name), sequence.stamps[:-1], PLACE_T_RECORDED @ sequence.map_T_base[:-1])
            drives.append(describe_drive(recording.name, recording, sequence, len(sequence) - 1, options))
        return writer.commit(PlaceDescription(path.name, METRIC, tuple(drives)))
