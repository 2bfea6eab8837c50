"""Tours of an office floor: a robot visits every room, the nearest ones first."""

from __future__ import annotations

import zlib

import numpy as np
from scipy.interpolate import CubicSpline

from localization_common.errors import ConfigError
from localization_sim.apartments.drive_paths import DriveSettings, Trajectory, drive_along, places_by_room
from localization_sim.apartments.floor_plan import FloorPlan
from localization_sim.apartments.path_planning import NoWayError, PathPlanner, Points, smooth_loop
from localization_sim.offices.office import Office

#: Cost of a path, in cells, above which the whole floor is searched for it.
_NEAR = 1500.0
#: Factor by which the distance to the next room is drawn, so that tours differ.
_WHIM = (0.7, 1.3)
#: Number of tours to draw before a floor is called too narrow.
_ATTEMPTS = 5


def plan_tour(office: Office, name: str, settings: DriveSettings | None = None) -> Trajectory:
    """Plan the tour of this name through all rooms: equal floors, names and settings give equal tours.

    By default, tours whose name starts with ``train`` contain as many full turns on the spot as there are rooms.

    Raises:
        ConfigError: the floor is too narrow for a robot with this clearance.
    """
    rooms = sum(room.kind not in ("corridor", "passage") for room in office.plan.rooms)
    settings = settings or DriveSettings(look_around=rooms if name.startswith("train") else 0)
    random = np.random.default_rng([office.seed, 9, zlib.crc32(name.encode())])
    for _ in range(_ATTEMPTS):
        path = _draw_tour(office, random, settings)
        fine = CubicSpline(np.arange(len(path) + 1), np.concatenate([path, path[:1]]), bc_type="periodic")
        dense = fine(np.linspace(0, len(path), 20 * len(path), endpoint=False))
        if office.space.clearance(dense).min() >= settings.clearance:
            return drive_along(dense, random, settings)
    raise ConfigError(
        f"no tour with {settings.clearance} m clearance found on the office floor {office.seed} for {name!r}: lower it"
    )


def _draw_tour(office: Office, random: np.random.Generator, settings: DriveSettings) -> Points:
    """Draw a closed path (M, 2) through all rooms that the robot can reach."""
    comfort = float(random.uniform(0.3, 0.5))
    planner = PathPlanner(office.space, random, radius=settings.clearance + 0.04, comfort=comfort)
    places = places_by_room(office.plan, planner.free_cells())
    order = _visits(office.plan, list(places), random)
    goals = [places[room][random.integers(len(places[room]))] for room in order for _ in range(random.integers(1, 3))]
    pieces = []
    for start, goal in zip(goals, [*goals[1:], goals[0]], strict=True):
        try:
            pieces.append(planner.path(start, goal, within=_NEAR)[:-1])
        except NoWayError:
            pieces.append(planner.path(start, goal)[:-1])
    keep = settings.clearance + 0.08
    return smooth_loop(office.space, np.concatenate(pieces), spacing=0.15, keep=keep)


def _visits(plan: FloorPlan, rooms: list[int], random: np.random.Generator) -> list[int]:
    """Order the rooms: from each, go to the one whose doorway is nearest, by a whim."""
    doors = {door.rooms[0]: np.array([door.x, door.y]) for door in plan.doorways if door.rooms[0] in rooms}
    left = {room: door for room, door in doors.items() if plan.rooms[room].kind not in ("corridor", "passage")}
    order = [int(random.choice(list(left)))]
    place = left.pop(order[0])
    while left:
        away = {r: float(np.linalg.norm(door - place) * random.uniform(*_WHIM)) for r, door in left.items()}
        order.append(min(away, key=away.__getitem__))
        place = left.pop(order[-1])
    return order
