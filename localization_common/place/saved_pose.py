"""Last pose of a robot in a place, kept in a file over a restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError, MapError
from localization_common.files import json_text
from localization_common.files.atomic_write import write_whole
from localization_common.files.configuration import from_dict
from localization_common.files.reading import read_bytes
from localization_common.geometry import se3
from localization_common.geometry.covariances import is_covariance
from localization_common.messages.poses import MAX_DISTANCE
from localization_common.place.place import Place

Array = npt.NDArray[np.float64]

#: Largest file that is read, bytes; a saved pose has a thousand.
_LARGEST = 100_000


@dataclass(frozen=True)
class SavedPose:
    """Pose of the base in the map.

    Attributes:
        map_id: map frame that the pose belongs to (`PlaceDescription.map_id`).
        frame_id: name of the map frame.
        stamp: nanoseconds.
        position: x, y, z, metres.
        quaternion: w, x, y, z.
        covariance: 36 numbers of the covariance of x y z rX rY rZ.
    """

    map_id: str
    frame_id: str
    stamp: int
    position: tuple[float, float, float]
    quaternion: tuple[float, float, float, float]
    covariance: tuple[float, ...]

    def __post_init__(self) -> None:
        matrix = np.array(self.covariance, dtype=np.float64)
        if matrix.size != 36 or not is_covariance(matrix.reshape(6, 6)):
            raise ConfigError("covariance is no (6, 6) covariance: symmetric, with variances of zero or more")
        numbers = np.array([*self.position, *self.quaternion, *self.covariance])
        if not np.isfinite(numbers).all() or np.abs(numbers).max() > MAX_DISTANCE:
            raise ConfigError(f"a number is not finite, or beyond {MAX_DISTANCE:.0e}")
        if abs(np.linalg.norm(self.quaternion) - 1.0) > 0.01:
            raise ConfigError("quaternion does not have norm 1")

    @classmethod
    def of(cls, place: Place, frame_id: str, stamp: int, map_T_base: Array, covariance: Array) -> SavedPose:
        """Make the record of a pose (4, 4) with its covariance (6, 6)."""
        (x, y, z), (qw, qx, qy, qz) = (part.tolist() for part in se3.to_parts(map_T_base))
        numbers = tuple(covariance.ravel().tolist())
        return cls(place.description.map_id, frame_id, stamp, (x, y, z), (qw, qx, qy, qz), numbers)

    @property
    def map_T_base(self) -> Array:
        """Pose (4, 4)."""
        return se3.from_parts(self.position, self.quaternion)

    @property
    def covariance_matrix(self) -> Array:
        """Covariance (6, 6)."""
        return np.array(self.covariance, dtype=np.float64).reshape(6, 6)

    def write(self, path: Path) -> None:
        """Write the file, all or nothing.

        Raises:
            CheckpointError: it cannot be written there.
        """
        write_whole(path, f"{json.dumps(asdict(self), indent=1, allow_nan=False)}\n".encode())


def read_saved_pose(path: Path, place: Place) -> SavedPose | None:
    """Read the last pose in a place; None if none was saved.

    Raises:
        MapError: the file cannot be read, or its pose is of another map frame.
    """
    try:
        text = read_bytes(path, _LARGEST).decode()
        pose = from_dict(SavedPose, json_text.parse(text, most=_LARGEST))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MapError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, ConfigError) as error:
        raise MapError(f"{path}: is no saved pose ({error}); delete it") from error
    if pose.map_id != place.description.map_id:
        raise MapError(f"{path}: the pose is of another map frame: {place.path} was built anew since then; delete it")
    return pose


def pose_file(place: Place, node: str) -> Path:
    """File beside a place for the last pose of a node: several robots may use one place.

    Args:
        node: full name of the node, such as ``/robot1/dmn``.
    """
    name = node.strip("/").replace("/", ".")
    return place.path.with_name(f"{place.path.name}.{name}.pose.json")
