"""Floor plan of an office floor of a wanted area: rooms on both sides of corridors, which passages join."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from localization_common.errors import ConfigError
from localization_sim.apartments.floor_plan import WALL_THICKNESS, Doorway, FloorPlan, Room
from localization_sim.apartments.solid import Footprint
from localization_sim.textures import Random

#: Metres: width and depth of an office, width of corridors and passages, depth of a corridor with rooms on both sides.
ROOM_WIDTH, ROOM_DEPTH, CORRIDOR_WIDTH = 3.6, 4.8, 2.2
WING_DEPTH = 2 * ROOM_DEPTH + CORRIDOR_WIDTH
#: Metres between passages, and between the fire doors of a corridor.
_PASSAGE_EVERY = 25.0
#: Area below which rooms are on one side of one corridor, and smallest area, square metres.
_ONE_SIDED, SMALLEST = 120.0, 50.0
#: Length of a floor over its depth.
_LONG = 2.2
#: Metres from the corner of a room to the middle of its doorway, and smallest distance of doorways in a corner.
_DOOR_FROM_CORNER = 0.85
#: Kinds of rooms with a glass wall to the corridor.
GLASS_KINDS = ("meeting room", "open area")


@dataclass(frozen=True)
class GlassWall:
    """Glass between a room and a corridor: along x at y, from start to end, metres; the rooms on both sides."""

    y: float
    start: float
    end: float
    rooms: tuple[int, int]


@dataclass(frozen=True)
class OfficePlan(FloorPlan):
    """Rooms, corridors and passages of an office floor.

    Attributes:
        glass: walls of glass.
    """

    glass: tuple[GlassWall, ...] = field(default=())

    @property
    def area(self) -> float:
        """Area in square metres, with the walls."""
        return self.width * self.height


@dataclass
class _Drawing:
    """Plan that is being drawn."""

    rooms: list[Room] = field(default_factory=list)
    doorways: list[Doorway] = field(default_factory=list)
    glass: list[GlassWall] = field(default_factory=list)

    def add(self, kind: str, left: float, bottom: float, right: float, top: float) -> Room:
        """Add a room whose walls have their middles at these coordinates."""
        floor = Footprint(left, bottom, right, top).grown(-WALL_THICKNESS / 2)
        self.rooms.append(Room(len(self.rooms), kind, floor))
        return self.rooms[-1]


def draw_office_plan(seed: int, area: float) -> OfficePlan:
    """Draw an office floor of about an area in square metres; the same seed and area give the same plan.

    Raises:
        ConfigError: the area is too small for two rooms and a corridor.
    """
    if not area >= SMALLEST:
        raise ConfigError(f"an office floor of {area} m2 has no space for two rooms and a corridor: {SMALLEST} or more")
    random = np.random.default_rng([seed, 7, round(area)])
    wings = max(1, round(float(np.sqrt(area / (_LONG * WING_DEPTH**2)))))
    height = CORRIDOR_WIDTH + ROOM_DEPTH if area < _ONE_SIDED else wings * WING_DEPTH
    width = area / height
    drawing, passages = _Drawing(), _passages(width) if wings > 1 else []
    first = ROOM_DEPTH if area >= _ONE_SIDED else 0.0
    corridors = [_corridor(drawing, first + wing * WING_DEPTH, width, passages) for wing in range(wings)]
    for wing, corridor in enumerate(corridors):
        bottom = first + wing * WING_DEPTH
        if area >= _ONE_SIDED:
            between = passages if wing > 0 else []
            _row(drawing, random, corridor, (bottom - ROOM_DEPTH, bottom), width, between)
        between = passages if wing + 1 < wings else []
        top = bottom + CORRIDOR_WIDTH
        _row(drawing, random, corridor, (top, top + ROOM_DEPTH), width, between)
    for lower, upper in pairwise(corridors):
        for left in passages:
            _passage(drawing, lower, upper, left)
    return OfficePlan(width, height, tuple(drawing.rooms), tuple(drawing.doorways), glass=tuple(drawing.glass))


def _passages(width: float) -> list[float]:
    """Left edges of the passages: at both ends and every `_PASSAGE_EVERY` metres between."""
    count = max(2, 1 + round(width / _PASSAGE_EVERY))
    return [float(x) for x in np.linspace(0.0, width - CORRIDOR_WIDTH, count)]


def _corridor(drawing: _Drawing, bottom: float, width: float, passages: list[float]) -> list[Room]:
    """Add a corridor in pieces with fire doors between them, away from the middles of the passages."""
    cuts = [x + CORRIDOR_WIDTH + 0.6 for x in passages[1:-1]] or [
        float(x) for x in np.linspace(0.0, width, max(1, round(width / _PASSAGE_EVERY)) + 1)[1:-1]
    ]
    pieces = [
        drawing.add("corridor", left, bottom, right, bottom + CORRIDOR_WIDTH)
        for left, right in pairwise([0.0, *cuts, width])
    ]
    for left_piece, right_piece in pairwise(pieces):
        x = right_piece.floor.min_x - WALL_THICKNESS / 2
        drawing.doorways.append(Doorway(x, bottom + CORRIDOR_WIDTH / 2, "y", (left_piece.index, right_piece.index)))
    return pieces


def _row(
    drawing: _Drawing,
    random: Random,
    corridor: list[Room],
    rows: tuple[float, float],
    width: float,
    passages: list[float],
) -> None:
    """Add the rooms of a row on one side of a corridor, between the passages."""
    edges = [0.0, *(x for left in passages for x in (left, left + CORRIDOR_WIDTH)), width]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        cells = round((end - start) / ROOM_WIDTH)
        if end - start < 0.5 * ROOM_WIDTH:
            continue
        cuts = np.linspace(start, end, max(1, cells) + 1)
        cell = 0
        while cell < len(cuts) - 1:
            kind, size = _kind(random, len(cuts) - 1 - cell)
            if len(cuts) > 3 and not any(r.kind == "open area" for r in drawing.rooms):  # every floor but small ones
                kind, size = "open area", 3
            room = drawing.add(kind, float(cuts[cell]), rows[0], float(cuts[cell + size]), rows[1])
            _open(drawing, corridor, room)
            cell += size


def _kind(random: Random, left: int) -> tuple[str, int]:
    """Draw the kind of the next room of a row with some cells left, and its number of cells."""
    drawn = float(random.random())
    if drawn < 0.08 and left >= 3:
        return "open area", 3 if left < 4 else int(random.integers(3, 5))
    if drawn < 0.2:
        return "meeting room", 1
    return ("kitchen", 1) if drawn < 0.25 else ("office", 1)


def _open(drawing: _Drawing, corridor: list[Room], room: Room) -> None:
    """Add a doorway from a room to the corridor, two for an open area, and glass between the doorways."""
    above = room.floor.min_y > corridor[0].floor.min_y
    y = (room.floor.min_y if above else room.floor.max_y) + (-1 if above else 1) * WALL_THICKNESS / 2
    corners = [room.floor.min_x + _DOOR_FROM_CORNER, room.floor.max_x - _DOOR_FROM_CORNER]
    corners = corners if above else corners[::-1]  # rooms below the corridor are those above, turned by a half
    usable = [x for x in corners if _piece_at(corridor, x) is not None]
    doors = usable if room.kind == "open area" else usable[:1]
    for x in doors:
        piece = _piece_at(corridor, x)
        assert piece is not None
        drawing.doorways.append(Doorway(x, y, "x", (room.index, piece.index)))
    if room.kind in GLASS_KINDS:
        half = _DOOR_FROM_CORNER
        edges = [room.floor.min_x - half, *sorted(doors), room.floor.max_x + half]
        for left, right in pairwise(edges):
            _glaze(drawing, corridor, room, y, (left + half, right - half))


def _glaze(drawing: _Drawing, corridor: list[Room], room: Room, y: float, ends: tuple[float, float]) -> None:
    """Add glass between two coordinates, for each piece of the corridor behind it."""
    for piece in corridor:
        start, end = max(ends[0], piece.floor.min_x + 0.1), min(ends[1], piece.floor.max_x - 0.1)
        if end - start > 0.8:
            drawing.glass.append(GlassWall(y, start, end, (room.index, piece.index)))


def _piece_at(corridor: list[Room], x: float) -> Room | None:
    """Piece of a corridor with space for a doorway around x; None at a fire door."""
    return next((p for p in corridor if p.floor.min_x + 0.65 < x < p.floor.max_x - 0.65), None)


def _passage(drawing: _Drawing, lower: list[Room], upper: list[Room], left: float) -> None:
    """Add a passage between two corridors, with a doorway to each."""
    bottom, top = lower[0].floor.max_y + WALL_THICKNESS / 2, upper[0].floor.min_y - WALL_THICKNESS / 2
    room = drawing.add("passage", left, bottom, left + CORRIDOR_WIDTH, top)
    x = left + CORRIDOR_WIDTH / 2
    for corridor, y in ((lower, bottom), (upper, top)):
        piece = _piece_at(corridor, x)
        assert piece is not None
        drawing.doorways.append(Doorway(x, y, "x", (room.index, piece.index)))
