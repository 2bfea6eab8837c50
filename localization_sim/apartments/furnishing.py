"""Choice and placement of furniture, so that the robot can reach every doorway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from localization_sim.apartments import furniture as f
from localization_sim.apartments.floor_plan import DOOR_WIDTH, FloorPlan, Room, WallSide
from localization_sim.apartments.free_space import FreeSpace
from localization_sim.apartments.furniture import Furniture
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.solid import Footprint
from localization_sim.textures import Random

#: A robot of this radius, metres, can reach every room.
PASSAGE_RADIUS = 0.36


@dataclass(frozen=True)
class Piece:
    """Piece of furniture at a place.

    Attributes:
        furniture: kind and size.
        place: position and direction.
        solids: indices of its solids in the scene.
    """

    furniture: Furniture
    place: FurniturePlace
    solids: range

    @property
    def area(self) -> Footprint:
        """Floor area of the piece."""
        return self.place.footprint(self.furniture.width, self.furniture.depth)


@dataclass
class Furnishing:
    """Furniture of an apartment with its places.

    Attributes:
        placed: pieces in the order of placing.
    """

    placed: list[Piece] = field(default_factory=list)

    def fits(self, plan: FloorPlan, area: Footprint) -> bool:
        """Return True if another piece may stand here: away from others and doorways, with every room reachable."""
        areas = [piece.area for piece in self.placed]
        if any(area.grown(0.02).overlaps(other) for other in areas):
            return False
        reach = DOOR_WIDTH / 2 + 0.15
        for door in plan.doorways:
            across, along = (0.95, reach) if door.along == "y" else (reach, 0.95)
            if area.overlaps(Footprint(door.x - across, door.y - along, door.x + across, door.y + along)):
                return False
        return FreeSpace(plan, [*areas, area]).connected(PASSAGE_RADIUS)


def wish_list(room: Room, random: Random) -> list[Furniture]:
    """Pieces for the walls of a room of this kind, the most important first."""
    small = [f.plant(), f.lamp()]
    drawers = f.cabinet(0.9, 0.42, 0.85, 2, 4)
    lists = {
        "living room": [f.sofa(2.0), f.television(), f.bookcase(1.0), f.sofa(0.95), f.plant(), f.lamp()],
        "kitchen": [f.kitchen_unit(2.2), f.fridge(), f.cabinet(1.2, 0.42, 0.85, 3, 1), f.plant()],
        "bedroom": [f.bed(1.5), f.cabinet(1.3, 0.58, 2.05, 3, 1), drawers, f.lamp(), f.plant()],
        "study": [f.desk(), f.bookcase(1.2), f.bookcase(0.8), f.sofa(0.95), drawers, f.plant()],
        "hall": [f.cabinet(1.1, 0.4, 1.9, 2, 1), f.cabinet(1.3, 0.38, 0.8, 3, 1), f.sofa(1.4), f.plant(), *small],
    }
    return lists[room.kind]


def centre_piece(room: Room) -> Furniture | None:
    """Piece for the middle of a room of this kind, or None."""
    if room.kind == "kitchen":
        return f.table(1.2, 0.75, 0.75, chairs=True)
    return f.table(0.9, 0.5, 0.42, chairs=False) if room.kind == "living room" else None


def furnish(scene: ApartmentScene, plan: FloorPlan, random: Random) -> Furnishing:
    """Build furniture into the scene, room by room; pieces without a free place are left out."""
    furnishing = Furnishing()

    def free(area: Footprint) -> bool:
        return furnishing.fits(plan, area)

    for room in plan.drawn_rooms:
        walls = [wall for wall in plan.walls if wall.room == room.index]
        middle = centre_piece(room)
        for piece in wish_list(room, random):
            _build(scene, furnishing, piece, place_at_wall(walls, piece, random, free), random)
        if middle is not None:
            _build(scene, furnishing, middle, place_in_the_middle(room, middle, random, free), random)
    return furnishing


def _build(
    scene: ApartmentScene, furnishing: Furnishing, piece: Furniture, place: FurniturePlace | None, random: Random
) -> None:
    if place is not None:
        first = len(scene.solids)
        piece.build(scene, place, random)
        furnishing.placed.append(Piece(piece, place, range(first, len(scene.solids))))


def place_at_wall(
    walls: Sequence[WallSide],
    piece: Furniture,
    random: Random,
    free: Callable[[Footprint], bool],
    *,
    gap: float = 0.01,
) -> FurniturePlace | None:
    """Find a free place with the back ``gap`` metres from one of the walls; None if no random place is free."""
    for _ in range(60):
        wall = walls[int(random.integers(len(walls)))]
        slack = piece.width / 2 + 0.03
        if wall.end - wall.start < 2 * slack:
            continue
        position = float(random.uniform(wall.start + slack, wall.end - slack))
        if random.random() < 0.5:  # in a corner, which leaves more of the room free
            position = wall.start + slack if random.random() < 0.5 else wall.end - slack
        place = FurniturePlace(*wall.point(position, gap), wall.facing)
        if free(place.footprint(piece.width, piece.depth)):
            return place
    return None


def place_in_the_middle(
    room: Room, piece: Furniture, random: Random, free: Callable[[Footprint], bool]
) -> FurniturePlace | None:
    """Find a free place near the middle of a room; None if no random place is free."""
    for _ in range(60):
        facing = ("+x", "+y")[random.integers(2)]
        x, y = (float(c) for c in np.array(room.centre) + random.uniform(-0.5, 0.5, 2))
        back_x, back_y = FurniturePlace(x, y, facing).point(0.0, -piece.depth / 2)
        place = FurniturePlace(back_x, back_y, facing)
        if free(place.footprint(piece.width, piece.depth)):
            return place
    return None
