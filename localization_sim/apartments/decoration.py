"""Decoration of free walls and of floors: windows, pictures, rugs."""

from __future__ import annotations

from localization_sim import textures
from localization_sim.apartments import wall_pictures
from localization_sim.apartments.floor_plan import DOOR_WIDTH, FloorPlan, WallSide
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import SUN, ApartmentScene
from localization_sim.textures import Random

Interval = tuple[float, float]


def _taken(wall: WallSide, scene: ApartmentScene, bottom: float) -> list[Interval]:
    """Intervals of a wall that are covered by a door or by an object taller than ``bottom``."""
    half = DOOR_WIDTH / 2 + 0.1
    taken = [(door - half, door + half) for door in wall.doors]
    for area in scene.footprints:
        near, far = (area.min_x, area.max_x) if wall.along == "y" else (area.min_y, area.max_y)
        if area.top > bottom and near < wall.offset + 0.35 and far > wall.offset - 0.35:
            low, high = (area.min_y, area.max_y) if wall.along == "y" else (area.min_x, area.max_x)
            inside = area.min_x, area.min_y, area.max_x, area.max_y
            if high > wall.start and low < wall.end and _in_front(wall, inside):
                taken.append((low, high))
    return taken


def _in_front(wall: WallSide, area: tuple[float, float, float, float]) -> bool:
    x, y = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
    across = (x if wall.along == "y" else y) - wall.offset
    return across > 0 if wall.facing[0] == "+" else across < 0


def _gaps(wall: WallSide, taken: list[Interval]) -> list[Interval]:
    gaps, start = [], wall.start + 0.1
    for low, high in sorted(taken):
        if low > start:
            gaps.append((start, low - 0.05))
        start = max(start, high + 0.05)
    return [*gaps, (start, wall.end - 0.1)]


def hang_windows(scene: ApartmentScene, plan: FloorPlan, random: Random) -> None:
    """Hang windows with curtains on outer walls without tall furniture; at most two in a room."""
    frame = scene.material(rgb=(0.95, 0.95, 0.95))
    for room in plan.drawn_rooms:
        count = 0
        for wall in (w for w in plan.walls if w.room == room.index and w.outer):
            gaps = [gap for gap in _gaps(wall, _taken(wall, scene, 0.95)) if gap[1] - gap[0] > 1.35]
            if not gaps or count == 2:
                continue
            low, high = max(gaps, key=lambda gap: gap[1] - gap[0])
            width = min(1.5, high - low - 0.35)
            place = FurniturePlace(*wall.point((low + high) / 2, 0.0), wall.facing)
            view = scene.material(wall_pictures.view_outside(random), emission=0.5)
            cloth = scene.material(
                textures.fabric(random, float(random.random()), 0.6, 0.75, int(random.integers(4))),
                wrap="cube",
                pattern=0.2,
            )
            half = width / 2
            place.box(scene, "window", frame, (-half, half), (0.0, 0.03), (0.95, 2.15))
            sun = f"{SUN}_{room.index}_{count}"
            scene.window_light(sun, (*place.point(0.0, 0.12), 1.55), (*place.forward, 0.0))
            for left, right in ((-half + 0.05, -0.025), (0.025, half - 0.05)):
                place.front(scene, "window", view, (left, right), 0.034, (1.0, 2.1))
            for side in (-1, 1):
                inner, outer = sorted((side * (half - 0.02), side * (half + 0.16)))
                place.box(scene, "window", cloth, (inner, outer), (0.04, 0.1), (0.9, 2.25))
            count += 1


def hang_pictures(scene: ApartmentScene, plan: FloorPlan, random: Random) -> None:
    """Hang framed pictures, each of them different, on the free parts of the walls."""
    number = int(random.integers(7))
    for wall in plan.walls:
        for low, high in _gaps(wall, _taken(wall, scene, 1.0)):
            position = low
            while high - position > 0.55:
                width = float(min(random.uniform(0.45, 0.95), high - position - 0.05))
                height = min(max(width * float(random.uniform(0.75, 1.3)), 0.45), 0.9)
                middle = float(random.uniform(1.25, 1.5))
                place = FurniturePlace(*wall.point(position + width / 2 + 0.02, 0.0), wall.facing)
                if not (scene.calm > 0.0 and random.random() < 0.7 * scene.calm):
                    _picture(scene, place, width, height, middle, number, random)
                number += 1
                position += width + float(random.uniform(0.15, 0.5))


def _picture(
    scene: ApartmentScene, place: FurniturePlace, width: float, height: float, middle: float, kind: int, random: Random
) -> None:
    frame = scene.material(rgb=textures.colour(float(random.random()), 0.4, float(random.uniform(0.1, 0.7))))
    canvas = scene.material(wall_pictures.painting(random, kind))
    z0, z1 = middle - height / 2, middle + height / 2
    place.box(scene, "picture", frame, (-width / 2, width / 2), (0.0, 0.03), (z0, z1))
    place.front(scene, "picture", canvas, (-width / 2 + 0.04, width / 2 - 0.04), 0.034, (z0 + 0.04, z1 - 0.04))


def lay_rugs(scene: ApartmentScene, plan: FloorPlan, random: Random) -> None:
    """Lay a rug in the middle of every room except the kitchen."""
    for room in plan.drawn_rooms:
        if room.kind == "kitchen":
            continue
        area = room.floor
        size = [0.62 * (area.max_x - area.min_x), 0.62 * (area.max_y - area.min_y)]
        size = [min(length, 2.4) * float(random.uniform(0.8, 1.0)) for length in size]
        x, y = room.centre
        material = scene.material(textures.rug(random, float(random.random())), pattern=0.4)
        scene.panel("rug", "+z", (x, y, 0.006), size[0], size[1], material)
