"""Two rooms that look alike, and where in one of them a robot seems to be that is in the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_sim.apartments.solid import Footprint

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TwinRooms:
    """A room and its double, which is the room shifted; metres in the map frame.

    Attributes:
        first, second: their floors, rectangles of the same size.
    """

    first: Footprint
    second: Footprint

    @property
    def shift(self) -> tuple[float, float]:
        """x, y from a place in the first room to its double in the second."""
        return self.second.min_x - self.first.min_x, self.second.min_y - self.first.min_y

    @property
    def second_T_first(self) -> Array:
        """(4, 4) map_T_map: times a pose in the first room it is the pose of the double in the second."""
        map_T_map = np.eye(4)
        map_T_map[:2, 3] = self.shift
        return map_T_map

    def doubles(self, map_T_base: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Poses that see what these see.

        Args:
            map_T_base: (N, 4, 4) poses of the robot or of its camera.

        Returns:
            (N, 4, 4) the double's pose in the other room, the pose itself outside both; (N,) whether it has a double.
        """
        doubles, x, y = map_T_base.copy(), map_T_base[:, 0, 3], map_T_base[:, 1, 3]
        inside = [
            (x >= room.min_x) & (x <= room.max_x) & (y >= room.min_y) & (y <= room.max_y)
            for room in (self.first, self.second)
        ]
        for places, sign in zip(inside, (1.0, -1.0), strict=True):
            doubles[places, :2, 3] += sign * np.array(self.shift)
        return doubles, inside[0] | inside[1]
