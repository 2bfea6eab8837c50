"""Floor plan of an apartment: rooms, walls and doorways."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from localization_sim.apartments.solid import Footprint
from localization_sim.apartments.twin_rooms import TwinRooms

WALL_THICKNESS = 0.12
CEILING_HEIGHT = 2.5
DOOR_WIDTH = 1.0
DOOR_HEIGHT = 2.05

#: Kinds of rooms; the first ones of the list are used.
ROOM_KINDS = ("living room", "kitchen", "bedroom", "study", "hall", "bedroom")


@dataclass(frozen=True)
class Doorway:
    """Opening in a wall. ``along`` is the axis along the wall; (x, y) is the middle of the opening, metres."""

    x: float
    y: float
    along: str
    rooms: tuple[int, int]


@dataclass(frozen=True)
class Room:
    """Rectangle between the faces of its walls, metres."""

    index: int
    kind: str
    floor: Footprint

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the floor."""
        return self.floor.centre


@dataclass(frozen=True)
class WallSide:
    """Inner face of a wall of a room, with its openings.

    Attributes:
        facing: direction from the wall into the room, ``"+x"``, ``"-x"``, ``"+y"`` or ``"-y"``.
        offset: coordinate of the face across the wall.
        start, end: coordinates along the wall, start < end.
        outer: True if the other side is outdoors.
        doors: coordinates along the wall of the middles of the doorways.
    """

    room: int
    facing: str
    offset: float
    start: float
    end: float
    outer: bool
    doors: tuple[float, ...]

    @property
    def along(self) -> str:
        """Axis along the wall, ``"x"`` or ``"y"``."""
        return "y" if self.facing[1] == "x" else "x"

    def point(self, position: float, distance: float) -> tuple[float, float]:
        """Map coordinates of a point at a coordinate along the wall and a distance from it into the room."""
        across = self.offset + (distance if self.facing[0] == "+" else -distance)
        return (across, position) if self.along == "y" else (position, across)


@dataclass(frozen=True)
class FloorPlan:
    """Rooms in two rows, joined by doorways in at least one ring.

    Attributes:
        width, height: size of the apartment, metres.
        rooms: all rooms.
        doorways: all doorways.
        twins: index of a room and of its exact copy; None without twin rooms.
    """

    width: float
    height: float
    rooms: tuple[Room, ...]
    doorways: tuple[Doorway, ...]
    twins: tuple[int, int] | None = None

    @property
    def twin_rooms(self) -> TwinRooms | None:
        """Twin rooms of the plan, or None."""
        return None if self.twins is None else TwinRooms(*(self.rooms[i].floor for i in self.twins))

    @property
    def drawn_rooms(self) -> tuple[Room, ...]:
        """Rooms without the twin copy, which is copied at the end."""
        return tuple(room for room in self.rooms if self.twins is None or room.index != self.twins[1])

    @property
    def drawn_doorways(self) -> tuple[Doorway, ...]:
        """Doorways without those of the twin copy."""
        return tuple(door for door in self.doorways if self.twins is None or self.twins[1] not in door.rooms)

    @property
    def walls(self) -> tuple[WallSide, ...]:
        """Four inner faces of every room in `drawn_rooms`."""
        return tuple(side for room in self.drawn_rooms for side in self._sides(room))

    def room_at(self, x: float, y: float) -> Room | None:
        """Room of a point on the floor; None in a doorway or outside."""
        return next((room for room in self.rooms if room.floor.contains(x, y)), None)

    def _sides(self, room: Room) -> list[WallSide]:
        floor, edge = room.floor, WALL_THICKNESS
        # A wall of twin rooms is an outer wall only if it is one in both rooms: both have the same windows.
        alike = [self.rooms[i].floor for i in self.twins] if self.twins and room.index in self.twins else [floor]
        sides = []
        for facing, offset, outer in (
            ("+x", floor.min_x, all(f.min_x < edge for f in alike)),
            ("-x", floor.max_x, all(f.max_x > self.width - edge for f in alike)),
            ("+y", floor.min_y, all(f.min_y < edge for f in alike)),
            ("-y", floor.max_y, all(f.max_y > self.height - edge for f in alike)),
        ):
            along_y = facing[1] == "x"
            start, end = (floor.min_y, floor.max_y) if along_y else (floor.min_x, floor.max_x)
            doors = tuple(
                d.y if along_y else d.x
                for d in self.doorways
                if room.index in d.rooms
                and d.along == ("y" if along_y else "x")
                and abs((d.x if along_y else d.y) - offset) < edge
            )
            sides.append(WallSide(room.index, facing, offset, start, end, outer, doors))
        return sides


def draw_floor_plan(seed: int) -> FloorPlan:
    """Draw a floor plan of about 9 x 7 m with four or five rooms; the same seed gives the same plan."""
    random = np.random.default_rng([seed, 1])
    width, height = (9.0, 7.0) if seed == 0 else (float(random.uniform(8.4, 9.6)), float(random.uniform(6.7, 7.4)))
    split = height * float(random.uniform(0.47, 0.53))
    counts = [2, 3] if random.random() < 0.7 else [2, 2]
    random.shuffle(counts)
    kinds = list(ROOM_KINDS[: sum(counts)])
    random.shuffle(kinds)
    rows: list[list[Room]] = []
    rooms: list[Room] = []
    for row, count in enumerate(counts):
        cuts = [0.0, *_cuts(random, width, count), width]
        bottom, top = (0.0, split) if row == 0 else (split, height)
        members = []
        for left, right in pairwise(cuts):
            floor = Footprint(left, bottom, right, top).grown(-WALL_THICKNESS / 2)
            members.append(Room(len(rooms), kinds[len(rooms)], floor))
            rooms.append(members[-1])
        rows.append(members)
    return FloorPlan(width, height, tuple(rooms), tuple(_doorways(random, rows, split)))


def _cuts(random: np.random.Generator, width: float, count: int) -> list[float]:
    even = np.arange(1, count) * width / count
    return [float(c) for c in even + random.uniform(-0.25, 0.25, count - 1) * (2.0 if count == 2 else 0.6)]


def _doorways(random: np.random.Generator, rows: list[list[Room]], split: float) -> list[Doorway]:
    """Draw doorways between neighbours of a row, and between the rows at both ends, so that there is a ring."""
    margin = DOOR_WIDTH / 2 + 0.25
    doorways = []
    for row in rows:
        for left, right in pairwise(row):
            y = float(random.uniform(left.floor.min_y + margin, left.floor.max_y - margin))
            doorways.append(Doorway(left.floor.max_x + WALL_THICKNESS / 2, y, "y", (left.index, right.index)))
    for lower, upper in ((rows[0][0], rows[1][0]), (rows[0][-1], rows[1][-1])):
        first = max(lower.floor.min_x, upper.floor.min_x) + margin
        last = min(lower.floor.max_x, upper.floor.max_x) - margin
        doorways.append(Doorway(float(random.uniform(first, last)), split, "x", (lower.index, upper.index)))
    return doorways
