"""Comparison of an occupancy grid with the true floor plan of a simulated apartment.

The IoU of free space is measured over the cells near the drives, whatever the map declares them to be:

- *Truth*: a cell is free if its middle is in a room or a doorway, and outside of the floor areas of furniture, door
  frames and door leaves with a part between 0.1 and 0.95 m above the floor (`FreeSpace.obstacles`). Floor areas are
  rectangles: a round pot and a bush fill less than their rectangle.
- *Where driven*: cells whose middle is within a distance of the robot's true path, with no wall between them and the
  nearest position of the path. Cells up to 15 cm behind the face of a wall, and all cells of furniture and behind
  furniture are among them.
- *IoU*: number of cells that are free in both, divided by the number of those that are free in one of both. Unknown is
  not free.
- *In a wall*: cells that the map declares free and that are wholly inside a wall between or around the rooms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from localization_mapping.occupancy.grid import OccupancyGrid
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.floor_plan import DOOR_WIDTH, WALL_THICKNESS, FloorPlan
from localization_sim.apartments.solid import Footprint

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: Half of a door frame's post, metres: it stands in the doorway.
_POST = 0.045
#: Distance between the points of a sight line, metres.
_SPACING = 0.05
#: Depth up to which cells behind the face of a wall are compared, metres.
_INTO_WALL = 0.15


@dataclass(frozen=True)
class GridScore:
    """Comparison with the truth.

    Attributes:
        cells: number of cells near the drives.
        iou: intersection over union of free space.
        free_found: share of the truly free cells that the map declares free.
        free_right: share of the cells that the map declares free and that are free.
        in_wall: number of free cells wholly inside a wall, anywhere in the map.
        in_obstacle: number of free cells wholly inside a wall or the floor area of an obstacle, near the drives.
    """

    cells: int
    iou: float
    free_found: float
    free_right: float
    in_wall: int
    in_obstacle: int


def score(
    grid: OccupancyGrid, apartment: Apartment, path: Array, *, reach: float, truth_T_map: Array | None = None
) -> GridScore:
    """Compare the grid with the apartment near a driven path.

    Args:
        grid: grid in the map frame.
        apartment: truth.
        path: (M, 2) true positions of the robot in the apartment's frame, a few centimetres apart.
        reach: largest distance of the compared cells from the path, metres.
        truth_T_map: (4, 4) pose of the map in the apartment's frame; None if they are the same.
    """
    truth_T_map = np.eye(4) if truth_T_map is None else truth_T_map
    middles = grid.area.centres().reshape(-1, 2) @ truth_T_map[:2, :2].T + truth_T_map[:2, 3]
    free, declared = free_at(apartment, middles), grid.free.reshape(-1)
    half = grid.area.resolution / 2
    walls = _wholly(middles, half, lambda points: ~in_rooms(apartment.plan, points))
    solid = _wholly(middles, half, lambda points: ~free_at(apartment, points))
    near = _near(apartment.plan, middles, path, reach)
    both, one = (free & declared & near).sum(), ((free | declared) & near).sum()
    return GridScore(
        cells=int(near.sum()),
        iou=_share(both, one),
        free_found=_share(both, (free & near).sum()),
        free_right=_share(both, (declared & near).sum()),
        in_wall=int((declared & walls).sum()),
        in_obstacle=int((declared & solid & near).sum()),
    )


def _share(part: int, whole: int) -> float:
    """Share, 1 of nothing."""
    return float(part / whole) if whole else 1.0


def in_rooms(plan: FloorPlan, points: Array) -> Mask:
    """(N,) True for points (N, 2) in a room or a doorway."""
    inside = np.zeros(len(points), np.bool_)
    for room in plan.rooms:
        inside |= _contains(room.floor, points)
    for door in plan.doorways:
        half, depth = DOOR_WIDTH / 2 - _POST, WALL_THICKNESS / 2 + 0.001
        x, y = (depth, half) if door.along == "y" else (half, depth)
        inside |= _contains(Footprint(door.x - x, door.y - y, door.x + x, door.y + y), points)
    return inside


def free_at(apartment: Apartment, points: Array) -> Mask:
    """(N,) True for points (N, 2) of the floor that no wall and no obstacle covers."""
    free = in_rooms(apartment.plan, points)
    for obstacle in apartment.space.obstacles:
        free &= ~_contains(obstacle, points)
    return free


def _contains(area: Footprint, points: Array) -> Mask:
    x, y = points.T
    return np.asarray((x >= area.min_x) & (x <= area.max_x) & (y >= area.min_y) & (y <= area.max_y))


def _wholly(middles: Array, half: float, test: Callable[[Array], Mask]) -> Mask:
    """(N,) True for cells around middles (N, 2) whose middle and four corners pass the test."""
    corners = [(0.0, 0.0), *((x, y) for x in (-half, half) for y in (-half, half))]
    return np.asarray(np.all([test(middles + corner) for corner in corners], axis=0))


def _near(plan: FloorPlan, middles: Array, path: Array, reach: float) -> Mask:
    """(N,) True for cells within the reach of the path, with no wall between them and the nearest position."""
    metres, nearest = cKDTree(path).query(middles, distance_upper_bound=reach)
    chosen = np.nonzero(np.isfinite(metres))[0]
    start, way = path[nearest[chosen]], middles[chosen] - path[nearest[chosen]]
    open_way = np.ones(len(chosen), np.bool_)
    for step in np.arange(_SPACING, reach - _INTO_WALL, _SPACING):
        inside = metres[chosen] - _INTO_WALL > step
        share = step / np.maximum(metres[chosen], 1e-9)
        open_way &= ~inside | in_rooms(plan, start + share[:, None] * way)
    near = np.zeros(len(middles), np.bool_)
    near[chosen[open_way]] = True
    return near
