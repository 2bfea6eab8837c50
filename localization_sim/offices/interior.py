"""Furniture, windows and prints of the rooms of an office floor."""

from __future__ import annotations

from dataclasses import dataclass

from localization_sim.apartments.floor_plan import DOOR_WIDTH, Room, WallSide
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.offices.catalogue import Catalogue
from localization_sim.offices.office_plan import OfficePlan
from localization_sim.textures import Random

_OPPOSITE = {"+x": "-x", "-x": "+x", "+y": "-y", "-y": "+y"}
#: Share of the possible places of prints and plants that have one.
_PRINTS, _PLANTS = 0.6, 0.6
#: Metres between islands of desks in an open area, and between possible prints in a corridor.
_ISLANDS, _CORRIDOR_PRINTS = 3.2, 2.6


@dataclass(frozen=True)
class _RoomFrame:
    """Coordinates of a room: u from its left wall, v from the corridor into the room, metres, seen from the corridor.

    Attributes:
        room: room.
        turned: True if the corridor is on the side of large y, so that the room is turned by a half.
        mirrored: True if the doorway is on the right, seen from the corridor; then u is from the right wall.
    """

    room: Room
    turned: bool
    mirrored: bool

    @property
    def width(self) -> float:
        return self.room.floor.max_x - self.room.floor.min_x

    @property
    def depth(self) -> float:
        return self.room.floor.max_y - self.room.floor.min_y

    def place(self, u: float, v: float, facing: str) -> FurniturePlace:
        """Place at coordinates of the room, in a direction of its own."""
        area = self.room.floor
        if self.mirrored:
            u, facing = self.width - u, _OPPOSITE[facing] if facing[1] == "x" else facing
        if self.turned:
            return FurniturePlace(area.max_x - u, area.max_y - v, _OPPOSITE[facing])
        return FurniturePlace(area.min_x + u, area.min_y + v, facing)


class Interior:
    """Builds what stands and hangs in the rooms.

    Args:
        scene: scene to build into.
        plan: rooms and doorways.
        catalogue: furniture, prints and views.
        random: source of the small differences between rooms.
    """

    def __init__(self, scene: ApartmentScene, plan: OfficePlan, catalogue: Catalogue, random: Random) -> None:
        self._scene, self._plan, self._catalogue, self._random = scene, plan, catalogue, random
        self._fill = {
            "office": self._office,
            "meeting room": self._meeting_room,
            "open area": self._open_area,
            "kitchen": self._kitchen,
        }

    def room(self, room: Room, walls: list[WallSide]) -> None:
        """Furnish a room."""
        if room.kind not in self._fill:
            self._corridor(room, walls)
            return
        door = next(d for d in self._plan.doorways if d.rooms[0] == room.index)
        turned = door.y > room.centre[1]
        mirrored = (door.x > room.centre[0]) != turned and room.kind != "open area"
        frame = _RoomFrame(room, turned, mirrored)
        back = next(w for w in walls if w.along == "x" and not w.doors)
        self._fill[room.kind](frame)
        if back.outer:
            self._windows(back)
        elif room.kind != "open area":
            for u in (0.25 * frame.width, 0.75 * frame.width):
                self._print(frame.place(u, frame.depth, "-y"))

    def _put(self, name: str, frame: _RoomFrame, u: float, v: float, facing: str) -> None:
        self._catalogue.put(name, frame.place(u, v, facing), int(self._random.integers(8)))

    def _plant(self, frame: _RoomFrame, u: float, v: float) -> None:
        if self._random.random() < _PLANTS:
            self._put("plant", frame, u, v, "+y")

    def _print(self, place: FurniturePlace) -> None:
        random = self._random
        if random.random() < _PRINTS:
            width, height = float(random.uniform(0.45, 0.8)), float(random.uniform(0.45, 0.8))
            self._catalogue.hang(place, width, height, float(random.uniform(1.5, 1.65)), int(random.integers(1000)))

    def _office(self, frame: _RoomFrame) -> None:
        width, depth = frame.width, frame.depth
        self._put("desk", frame, 0.01, depth - 1.15, "+x")
        self._put("desk", frame, width - 0.01, depth - 1.15, "-x")
        self._put("bookcase", frame, width - 0.01, 1.3, "-x")
        if self._random.random() < 0.7:
            self._put("drawers", frame, 0.01, 2.05, "+x")
        self._plant(frame, width - 0.3, 0.02)
        for v in (0.75, 2.1, depth - 1.15):
            self._print(frame.place(0.0, v, "+x"))
        self._board(frame.place(width, 2.4, "-x"), 0.9)
        self._print(frame.place(width, depth - 1.3, "-x"))
        self._board(frame.place(width - 1.0, 0.0, "+y"), 1.0)

    def _board(self, place: FurniturePlace, width: float) -> None:
        self._catalogue.hang_board(place, width, int(self._random.integers(1000)))

    def _meeting_room(self, frame: _RoomFrame) -> None:
        width, depth = frame.width, frame.depth
        self._put("meeting table", frame, width / 2 - 0.77, 0.5 * depth + 0.2, "+x")
        self._put("television", frame, width / 2, depth - 0.01, "-y")
        self._plant(frame, width - 0.3, depth - 0.5)
        self._board(frame.place(0.0, depth / 2, "+x"), 1.9)
        for v in (1.2, 2.4, 3.6):
            self._print(frame.place(width, v, "-x"))

    def _open_area(self, frame: _RoomFrame) -> None:
        width, depth = frame.width, frame.depth
        islands = int((width - 2.0) / _ISLANDS)
        for i in range(islands):
            u = width / 2 + (i - (islands - 1) / 2) * _ISLANDS
            for shift in (-0.66, 0.66):
                self._put("desk", frame, u + shift, 0.5 * depth + 0.2, "+y")
                self._put("desk", frame, u + shift, 0.5 * depth + 0.18, "-y")
        for side, facing in ((0.01, "+x"), (width - 0.01, "-x")):
            name = ("bookcase", "sofa", "drawers")[int(self._random.integers(3))]
            self._put(name, frame, side, 0.62 * depth, facing)
            self._board(frame.place(side, 0.3 * depth, facing), 1.6)
        for u in (0.3, width - 0.3):
            self._plant(frame, u, depth - 0.5)

    def _kitchen(self, frame: _RoomFrame) -> None:
        width, depth = frame.width, frame.depth
        self._put("kitchen unit", frame, width - 0.01, depth - 1.2, "-x")
        self._put("fridge", frame, width - 0.01, 1.9, "-x")
        self._put("kitchen table", frame, 0.95, depth - 1.9, "+y")
        for v in (0.75, 2.0, 3.4):
            self._print(frame.place(0.0, v, "+x"))

    def _windows(self, wall: WallSide) -> None:
        """Build windows along a whole outer wall."""
        count = max(1, round((wall.end - wall.start) / 2.2))
        for i in range(count):
            middle = wall.start + (wall.end - wall.start) * (i + 0.5) / count
            place = FurniturePlace(*wall.point(middle, 0.0), wall.facing)
            place.box(self._scene, "window", self._catalogue.frame, (-0.75, 0.75), (0.0, 0.03), (0.9, 2.15))
            view = self._catalogue.views[int(self._random.integers(len(self._catalogue.views)))]
            for pane in ((-0.71, -0.02), (0.02, 0.71)):
                place.front(self._scene, "window", view, pane, 0.034, (0.94, 2.11))

    def _corridor(self, room: Room, walls: list[WallSide]) -> None:
        """Hang prints between the doors, and put plants and copiers where they leave space."""
        for wall in walls:
            taken = [(door - DOOR_WIDTH / 2 - 0.15, door + DOOR_WIDTH / 2 + 0.5) for door in wall.doors]
            taken += [
                (g.start - 0.1, g.end + 0.1) for g in self._plan.glass if wall.along == "x" and room.index in g.rooms
            ]
            position = wall.start + 0.8
            while position < wall.end - 0.8:
                if not any(low - 0.45 < position < high + 0.45 for low, high in taken):
                    self._print(FurniturePlace(*wall.point(position, 0.0), wall.facing))
                    self._beside(room, wall, position)
                position += _CORRIDOR_PRINTS * float(self._random.uniform(0.6, 1.4))

    def _beside(self, room: Room, wall: WallSide, position: float) -> None:
        """Put a plant or a copier at a wall of a corridor, now and then, on one side only."""
        drawn = float(self._random.random())
        if room.kind == "corridor" and wall.facing == "+y" and drawn < 0.25:
            name = "plant" if drawn < 0.17 else "copier"
            self._catalogue.put(name, FurniturePlace(*wall.point(position, 0.01), wall.facing), int(1000 * drawn))
