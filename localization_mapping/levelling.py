"""Map frame: z up, the base of the first frame at the origin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_mapping.adjustment import Structure

Array = npt.NDArray[np.float64]


def levelled(map_T_base: Array, up: Array | None = None) -> Array:
    """Return the transform (4, 4) from the frame of poses (K, 4, 4) of the base to a level map frame.

    The origin is the first base, and the x axis is its heading.

    Args:
        map_T_base: poses of the base.
        up: (3,) unit vector; None takes the mean of the base's z axes: a robot on wheels stands upright on average.
    """
    if up is None:
        up = map_T_base[:, :3, 2].mean(axis=0)
        up /= np.linalg.norm(up)
    ahead = map_T_base[0, :3, 0] - up * (up @ map_T_base[0, :3, 0])
    if np.linalg.norm(ahead) < 1e-3:  # the first base looks straight up or down
        ahead = np.cross(map_T_base[0, :3, 1], up)
    ahead /= np.linalg.norm(ahead)
    frame_T_map = np.eye(4)
    frame_T_map[:3, :3] = np.column_stack([ahead, np.cross(up, ahead), up])
    frame_T_map[:3, 3] = map_T_base[0, :3, 3]
    return np.asarray(se3.inverse(frame_T_map))


def upright(structure: Structure, up: Array | None) -> Structure:
    """Turn poses and points; see `levelled`."""
    map_T_now = levelled(structure.map_T_base, up)
    points = structure.points @ map_T_now[:3, :3].T + map_T_now[:3, 3]
    return Structure(map_T_now @ structure.map_T_base, points)
