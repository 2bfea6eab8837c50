"""Rooms in sight of a camera: through doorways and glass, in the plane of the floor."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_sim.apartments.floor_plan import DOOR_WIDTH, WALL_THICKNESS
from localization_sim.offices.office_plan import OfficePlan

#: Radians of the narrowest strip through which something is drawn: less than half a pixel of a wide camera.
_NARROWEST = 0.002
#: Metres by which an opening is widened on each side: the walls are thick, and the camera may stand in them.
_MARGIN = 0.15
#: Groups of MuJoCo that are drawn, and that are not.
SHOWN, HIDDEN = 0, 4


@dataclass(frozen=True)
class _Opening:
    """Opening to another room, between two points (2,), metres."""

    first: tuple[float, float]
    last: tuple[float, float]
    room: int


class Sight:
    """Choice of the geometries that a camera can see.

    Args:
        plan: rooms, doorways and glass.
        geom_rooms: (N, 2) indices of the rooms that each geometry belongs to; -1 for none.
    """

    def __init__(self, plan: OfficePlan, geom_rooms: npt.NDArray[np.int32]) -> None:
        self._plan, self._geom_rooms = plan, geom_rooms
        self._openings: defaultdict[int, list[_Opening]] = defaultdict(list)
        half = DOOR_WIDTH / 2 + _MARGIN
        for door in plan.doorways:
            across = (0.0, half) if door.along == "y" else (half, 0.0)
            ends = (door.x - across[0], door.y - across[1]), (door.x + across[0], door.y + across[1])
            self._join(door.rooms, *ends)
        for glass in plan.glass:
            self._join(glass.rooms, (glass.start - _MARGIN, glass.y), (glass.end + _MARGIN, glass.y))

    def _join(self, rooms: tuple[int, int], first: tuple[float, float], last: tuple[float, float]) -> None:
        for own, other in (rooms, rooms[::-1]):
            self._openings[own].append(_Opening(first, last, other))

    def groups(self, x: float, y: float, heading: float, half_angle: float) -> npt.NDArray[np.int32]:
        """Return MuJoCo's group (N,) of each geometry for a camera at (x, y), heading in radians."""
        seen = np.zeros(len(self._plan.rooms) + 1, dtype=np.bool_)  # the last one is room -1
        seen[list(self.rooms(x, y, heading, half_angle))] = True
        return np.where(seen[self._geom_rooms].any(axis=1), SHOWN, HIDDEN).astype(np.int32)

    def rooms(self, x: float, y: float, heading: float, half_angle: float) -> set[int]:
        """Return the indices of the rooms in sight within an angle on both sides of the heading."""
        start = [
            room.index for room in self._plan.rooms if room.floor.grown(WALL_THICKNESS / 2 + 0.01).contains(x, y)
        ] or [room.index for room in self._plan.rooms]
        seen: set[int] = set(start)
        for room in start:
            self._look((x, y, heading), room, (-half_angle, half_angle), seen, (room,))
        return seen

    def _look(
        self,
        camera: tuple[float, float, float],
        room: int,
        view: tuple[float, float],
        seen: set[int],
        way: tuple[int, ...],
    ) -> None:
        """Add the rooms behind the openings of a room within the angles of a view."""
        for opening in self._openings[room]:
            if opening.room in way:
                continue
            for low, high in _angles(camera, opening):
                strip = max(view[0], low), min(view[1], high)
                if strip[1] - strip[0] > _NARROWEST:
                    seen.add(opening.room)
                    self._look(camera, opening.room, strip, seen, (*way, opening.room))


def _angles(camera: tuple[float, float, float], opening: _Opening) -> list[tuple[float, float]]:
    """Return the intervals of angles from the heading in which an opening lies, within a turn on both sides."""
    x, y, heading = camera
    directions = [(px - x, py - y) for px, py in (opening.first, opening.last)]
    if min(abs(dx) + abs(dy) for dx, dy in directions) < 0.3:
        return [(-np.pi, np.pi)]  # in the opening
    first, last = (float(np.arctan2(dy, dx)) - heading for dx, dy in directions)
    first = float(_wrapped(first))
    second = first + float(_wrapped(last - first))
    low, high = min(first, second), max(first, second)
    return [(low + turn, high + turn) for turn in (-2 * np.pi, 0.0, 2 * np.pi)]


def _wrapped(angle: float) -> float:
    return (angle + np.pi) % (2 * np.pi) - np.pi
