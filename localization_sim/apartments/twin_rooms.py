"""Two equal rooms, and the transform from a pose in one to the pose with the same view in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_sim.apartments.solid import Footprint

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TwinRooms:
    """Room and its shifted copy; metres in the map frame.

    Attributes:
        first, second: their floors, rectangles of the same size.
    """

    first: Footprint
    second: Footprint

    @property
    def shift(self) -> tuple[float, float]:
        """Vector x, y from a point in the first room to the same point in the second."""
        return self.second.min_x - self.first.min_x, self.second.min_y - self.first.min_y

    @property
    def second_T_first(self) -> Array:
        """Transform map_T_map (4, 4) from a pose in the first room to the pose with the same view in the second."""
        map_T_map = np.eye(4)
        map_T_map[:2, 3] = self.shift
        return map_T_map

    def doubles(self, map_T_base: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Compute the poses with the same views in the other room.

        Args:
            map_T_base: poses (N, 4, 4) of the robot or of its camera.

        Returns:
            Poses (N, 4, 4) in the other room, unchanged for poses outside both; mask (N,) of the poses in the rooms.
        """
        doubles, x, y = map_T_base.copy(), map_T_base[:, 0, 3], map_T_base[:, 1, 3]
        inside = [
            (x >= room.min_x) & (x <= room.max_x) & (y >= room.min_y) & (y <= room.max_y)
            for room in (self.first, self.second)
        ]
        for places, sign in zip(inside, (1.0, -1.0), strict=True):
            doubles[places, :2, 3] += sign * np.array(self.shift)
        return doubles, inside[0] | inside[1]
