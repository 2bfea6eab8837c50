"""Scale of a map without odometry or depth: from a measured distance, or from the height of the camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError
from localization_mapping.floor import find_floor
from localization_mapping.mapped_place import MappedDrive, Scale
from localization_mapping.measured_length import position_of

Array = npt.NDArray[np.float64]

#: Standard deviation of a length that was measured by hand, metres.
_TAPE = 0.01
#: Standard deviation of a frame's position, as a share of the distance of the points that it sees.
_POSITION = 0.005
#: Largest standard deviation of a scale that is accepted.
_LARGEST = 0.1
#: Reason in the place for a map whose unit is not known.
NOT_METRIC = Scale(
    False,
    "no odometry, depth camera, --distance or --camera-height gives the scale; lengths are in units of the map",
)


@dataclass(frozen=True)
class ScaleFactor:
    """Number of metres in a unit of the map, and the scale of the map after its multiplication."""

    factor: float
    scale: Scale

    def apply(self, map_T_camera: Array, points: Array) -> tuple[Array, Array]:
        """Return poses (..., 4, 4) of cameras, and points (P, 3), in metres; the origin stays.

        Poses of the base follow from these: the mount is in metres in every map.
        """
        poses = map_T_camera.copy()
        poses[..., :3, 3] *= self.factor
        return poses, points * self.factor


def from_distance(drive: MappedDrive, a: int, b: int, metres: float, points: Array) -> ScaleFactor:
    """Compute the scale from the measured distance of the camera between two frames.

    Args:
        drive: drive in the map without scale.
        a, b: frame numbers.
        metres: measured distance, see `MeasuredLength`.
        points: (P, 3) points of the map.

    Raises:
        ConfigError: a frame is not in the drive.
        DatasetError: a frame could not be located, or the frames are too close to each other for a scale.
    """
    start, end = (_position(drive, number) for number in (a, b))
    distance = float(np.linalg.norm(end - start))
    depth = float(np.median(np.linalg.norm(points - start, axis=1)))
    moved = np.sqrt(2.0) * _POSITION * depth / max(distance, 1e-12)
    std = float(np.hypot(_TAPE / metres, moved))
    if std > _LARGEST:
        raise DatasetError(
            f"{drive.sequence.name}: the distance between frames {a} and {b} gives the scale only within "
            f"{100 * std:.0f} %; measure a distance between two frames that are farther apart"
        )
    source = f"{metres:g} m between frames {a} and {b} of {drive.sequence.name}"
    return ScaleFactor(metres / distance, Scale(True, source, std))


def _position(drive: MappedDrive, number: int) -> Array:
    """Position (3,) of the camera at a frame number."""
    row = position_of(drive.sequence, number)
    if not drive.located[row]:
        raise DatasetError(
            f"{drive.sequence.name}: frame {number} could not be located in the map; measure the distance between "
            "other frames"
        )
    return np.asarray(drive.map_T_camera[row, :3, 3])


def from_camera_height(metres: float, points: Array, map_T_camera: Array, up: Array) -> ScaleFactor:
    """Compute the scale from the height of the camera above the floor.

    Args:
        metres: measured height, see `MeasuredLength`.
        points: (P, 3) points of the map without scale.
        map_T_camera: (K, 4, 4) poses of the keyframes.
        up: (3,) guess of the direction up.

    Raises:
        DatasetError: no clear floor is seen, or the camera's height above it changes.
    """
    floor = find_floor(points, map_T_camera[:, :3, 3], up)
    if floor is None:
        raise DatasetError(
            f"--camera-height {metres:g}: the map's points show no clear floor; use --distance, or drive where the "
            "camera sees the floor and the floor has texture"
        )
    heights = floor.height(map_T_camera[:, :3, 3])
    height = float(np.median(heights))
    changes = float(heights.std()) / height
    std = float(np.hypot(_TAPE / metres, changes))
    if std > _LARGEST:
        raise DatasetError(
            f"--camera-height {metres:g}: the camera's height above the floor changes by {100 * changes:.0f} %; it "
            "must be fixed to a robot that drives on one floor; use --distance"
        )
    source = f"the camera is {metres:g} m above the floor, a plane of {floor.points} points"
    return ScaleFactor(metres / height, Scale(True, source, std))
