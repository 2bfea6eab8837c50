"""Free space of a robot: a grid of distances to the nearest wall or piece of furniture."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from localization_sim.apartments.floor_plan import DOOR_WIDTH, WALL_THICKNESS, FloorPlan
from localization_sim.apartments.solid import Footprint

#: Width of a grid cell in metres.
CELL = 0.04
#: Largest number of points that OpenCV interpolates at once.
_MOST_ROWS = 30_000


class FreeSpace:
    """Distances to obstacles on the floor of an apartment.

    Args:
        plan: rooms and doorways; everything else is wall.
        obstacles: floor areas of the objects in the rooms.
    """

    def __init__(self, plan: FloorPlan, obstacles: Iterable[Footprint]) -> None:
        self.plan, self.obstacles = plan, tuple(obstacles)
        shape = (int(np.ceil(plan.height / CELL)), int(np.ceil(plan.width / CELL)))
        free = np.zeros(shape, np.uint8)
        for room in plan.rooms:
            self._fill(free, room.floor, 1)
        for door in plan.doorways:
            half = DOOR_WIDTH / 2 - 0.06  # width of the door frame
            x, y = (WALL_THICKNESS, half) if door.along == "y" else (half, WALL_THICKNESS)
            self._fill(free, Footprint(door.x - x, door.y - y, door.x + x, door.y + y), 1)
        for obstacle in self.obstacles:
            self._fill(free, obstacle, 0)
        #: Metres to the nearest obstacle from the middle of each cell (rows along y, columns along x).
        self.distance: npt.NDArray[np.float32] = np.asarray(
            cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * CELL, dtype=np.float32
        )

    @staticmethod
    def _fill(free: npt.NDArray[np.uint8], area: Footprint, value: int) -> None:
        # Free areas shrink to whole cells and obstacles grow to them: distances are never too large.
        down, up = (np.ceil, np.floor) if value else (np.floor, np.ceil)
        rows = slice(max(0, int(down(area.min_y / CELL))), max(0, int(up(area.max_y / CELL))))
        columns = slice(max(0, int(down(area.min_x / CELL))), max(0, int(up(area.max_x / CELL))))
        free[rows, columns] = value

    def clearance(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Distances (N,) in metres from points (N, 2) to the nearest obstacle, bilinear between cells; 0 outside."""
        columns = (points[:, 0] / CELL - 0.5).astype(np.float32).reshape(-1, 1)
        rows = (points[:, 1] / CELL - 0.5).astype(np.float32).reshape(-1, 1)
        parts = range(0, max(1, len(points)), _MOST_ROWS)
        values = [
            cv2.remap(
                self.distance, columns[i : i + _MOST_ROWS], rows[i : i + _MOST_ROWS], cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
            )
            for i in parts
        ]  # fmt: skip
        return np.asarray(np.concatenate(values), dtype=np.float64).reshape(-1)

    def connected(self, radius: float) -> bool:
        """Return True if a robot of this radius (metres) can drive from every doorway to every other one."""
        passable = (self.distance > radius).astype(np.uint8)
        _, pieces, statistics, _ = cv2.connectedComponentsWithStats(passable, connectivity=4)
        if len(statistics) < 2:
            return False
        main = 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))
        return all(pieces[int(door.y / CELL), int(door.x / CELL)] == main for door in self.plan.doorways)
