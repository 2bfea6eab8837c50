"""Rearranging of furniture in a finished apartment; everything else stays unchanged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from localization_common.errors import ConfigError
from localization_sim.apartments.floor_plan import FloorPlan
from localization_sim.apartments.furnishing import Furnishing, Piece, place_at_wall, place_in_the_middle
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.solid import Footprint, Solid
from localization_sim.textures import Random

#: Smallest motion of a piece's middle, metres.
NOTICEABLE = 0.5

#: Distance from the wall to the back of a moved piece, metres: a picture on the wall fits behind it.
BEHIND = 0.05

#: Number of random choices of pieces and places.
ATTEMPTS = 400


@dataclass(frozen=True)
class Move:
    """Moved piece: its name, and its floor areas before and after."""

    name: str
    before: Footprint
    after: Footprint


def rearrange(
    scene: ApartmentScene, plan: FloorPlan, furnishing: Furnishing, share: float, random: Random
) -> tuple[Move, ...]:
    """Move this share of the movable pieces to other free places, in the same or another room.

    Each piece keeps its shape, its texture and the things on it. No piece is put in front of a doorway, an open door
    or a window; a picture may be hidden by a wardrobe.

    Args:
        scene: scene whose solids are moved; their order stays.
        plan: rooms and doorways.
        furnishing: places of the furniture; updated.
        share: share, 0..1, of the number of movable pieces, and the smallest share of their floor area.
        random: source of the choices.

    Raises:
        ConfigError: there are no other places for so many pieces.
    """
    movable = [i for i, piece in enumerate(furnishing.placed) if piece.furniture.movable]
    size = {i: _size(furnishing.placed[i]) for i in movable}
    wanted = round(share * len(movable))
    if wanted == 0:
        return ()
    for _ in range(ATTEMPTS):
        chosen = random.choice(movable, wanted, replace=False).tolist()
        if sum(size[i] for i in chosen) >= share * sum(size.values()):
            # Large pieces first, while there is space.
            places = _other_places(scene, plan, furnishing, sorted(chosen, key=size.__getitem__, reverse=True), random)
            if places is not None:
                return tuple(_move(scene, furnishing, i, places[i]) for i in sorted(places))
    raise ConfigError(
        f"no other places for {wanted} of {len(movable)} pieces of furniture: choose a smaller share than {share}, or "
        "another seed"
    )


def _size(piece: Piece) -> float:
    return piece.furniture.width * piece.furniture.depth


def _move(scene: ApartmentScene, furnishing: Furnishing, index: int, place: FurniturePlace) -> Move:
    piece = furnishing.placed[index]
    furnishing.placed[index] = moved = replace(piece, place=place)
    for i in piece.solids:
        scene.solids[i] = _carried(scene.solids[i], piece.place, place)
    return Move(piece.furniture.name, piece.area, moved.area)


def _other_places(
    scene: ApartmentScene, plan: FloorPlan, furnishing: Furnishing, chosen: list[int], random: Random
) -> dict[int, FurniturePlace] | None:
    """Find places for the chosen pieces, removed together and placed in this order; None if one has no place."""
    standing = Furnishing([piece for i, piece in enumerate(furnishing.placed) if i not in chosen])
    lifted = {i for index in chosen for i in furnishing.placed[index].solids}
    hanging = [area for i, solid in enumerate(scene.solids) if i not in lifted and (area := _kept_free(solid))]
    places = {}
    for index in chosen:
        piece = furnishing.placed[index]
        heights = [area.top for i in piece.solids if (area := scene.solids[i].footprint) is not None]
        place = _other_place(plan, standing, hanging, piece, max(heights), random)
        if place is None:
            return None
        places[index] = place
        standing.placed.append(replace(piece, place=place))
    return places


def _other_place(
    plan: FloorPlan, standing: Furnishing, hanging: list[Footprint], piece: Piece, height: float, random: Random
) -> FurniturePlace | None:
    x, y = piece.area.centre

    def free(area: Footprint) -> bool:
        far = math.dist(area.centre, (x, y)) >= NOTICEABLE
        upright = replace(area, top=height)
        return far and not any(upright.collides(other) for other in hanging) and standing.fits(plan, area)

    if piece.furniture.at_wall:
        return place_at_wall(plan.walls, piece.furniture, random, free, gap=BEHIND)
    rooms = (plan.drawn_rooms[i] for i in random.permutation(len(plan.drawn_rooms)))
    places = (place_in_the_middle(room, piece.furniture, random, free) for room in rooms)
    return next((place for place in places if place is not None), None)


def _kept_free(solid: Solid) -> Footprint | None:
    """Space that no piece may fill: the space of a solid, with a margin around windows and doors."""
    area = solid.footprint
    return area.grown(0.1) if area is not None and solid.label in ("window", "door") else area


def _carried(solid: Solid, before: FurniturePlace, after: FurniturePlace) -> Solid:
    """Return the solid of a piece that was moved from one place to another."""
    turned = solid.turned(after.quarters - before.quarters, before.x, before.y)
    return turned.moved(after.x - before.x, after.y - before.y)
