"""Furniture that is put elsewhere after the apartment was made, while all the rest stays as it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from localization_common.errors import ConfigError
from localization_sim.apartments.floor_plan import FloorPlan
from localization_sim.apartments.furnishing import Furnishing, Piece, place_at_wall, place_in_the_middle
from localization_sim.apartments.placing import Place
from localization_sim.apartments.scene import Scene
from localization_sim.apartments.solid import Footprint, Solid
from localization_sim.textures import Random

#: A piece counts as moved when its middle is at least so far, in metres, from where it was.
NOTICEABLE = 0.5

#: From the wall to a moved piece's back, metres: what hangs there already, such as a picture, fits behind it.
BEHIND = 0.05

#: So many choices of pieces and places are tried.
ATTEMPTS = 400


@dataclass(frozen=True)
class Move:
    """A piece that was put elsewhere: its name, and the floor areas where it stood and where it stands."""

    name: str
    before: Footprint
    after: Footprint


def rearrange(scene: Scene, plan: FloorPlan, furnishing: Furnishing, share: float, random: Random) -> tuple[Move, ...]:
    """Move this share of the movable pieces to other free places, in the same or another room.

    Each piece keeps its shape, texture and what stands on it. Nothing is put in front of a doorway, an open door or a
    window; a picture may end up behind a wardrobe.

    Args:
        scene: its solids change places, their order stays.
        plan: where rooms and doorways are.
        furnishing: what stands where; follows.
        share: 0..1, of the number of movable pieces, and at least of their floor area: plants alone will not do.
        random: chooses pieces and places.

    Raises:
        ConfigError: no choice of so many pieces finds other places.
    """
    movable = [i for i, piece in enumerate(furnishing.placed) if piece.furniture.movable]
    size = {i: _size(furnishing.placed[i]) for i in movable}
    wanted = round(share * len(movable))
    if wanted == 0:
        return ()
    for _ in range(ATTEMPTS):
        chosen = random.choice(movable, wanted, replace=False).tolist()
        if sum(size[i] for i in chosen) >= share * sum(size.values()):
            # The largest first, while there is space.
            places = _other_places(scene, plan, furnishing, sorted(chosen, key=size.__getitem__, reverse=True), random)
            if places is not None:
                return tuple(_move(scene, furnishing, i, places[i]) for i in sorted(places))
    raise ConfigError(
        f"{wanted} of {len(movable)} pieces of furniture find no other places here: ask for a smaller share than "
        f"{share}, or another seed"
    )


def _size(piece: Piece) -> float:
    return piece.furniture.width * piece.furniture.depth


def _move(scene: Scene, furnishing: Furnishing, index: int, place: Place) -> Move:
    piece = furnishing.placed[index]
    furnishing.placed[index] = moved = replace(piece, place=place)
    for i in piece.solids:
        scene.solids[i] = _carried(scene.solids[i], piece.place, place)
    return Move(piece.furniture.name, piece.area, moved.area)


def _other_places(
    scene: Scene, plan: FloorPlan, furnishing: Furnishing, chosen: list[int], random: Random
) -> dict[int, Place] | None:
    """Places for the chosen pieces, all lifted at once and put down in this order; None if one finds none."""
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
) -> Place | None:
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
    """Space that no piece may fill: what something fills, and what is before a window or door."""
    area = solid.footprint
    return area.grown(0.1) if area is not None and solid.label in ("window", "door") else area


def _carried(solid: Solid, before: Place, after: Place) -> Solid:
    """The solid as it is when the piece that it belongs to stands at another place."""
    turned = solid.turned(after.quarters - before.quarters, before.x, before.y)
    return turned.moved(after.x - before.x, after.y - before.y)
