"""Structure of an apartment: walls with wallpaper, floors, ceilings, lamps, door frames and door leaves."""

from __future__ import annotations

from localization_sim import textures
from localization_sim.apartments import wall_pictures
from localization_sim.apartments.floor_plan import (
    CEILING_HEIGHT,
    DOOR_HEIGHT,
    DOOR_WIDTH,
    WALL_THICKNESS,
    Doorway,
    FloorPlan,
    WallSide,
)
from localization_sim.apartments.furnishing import Furnishing
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import LAMP, SHADE, ApartmentScene
from localization_sim.textures import Random

#: Directions and brightness of the light of twin rooms: from above on two sides, and from the floor.
_DAYLIGHT = (((0.5, 0.35, -1.0), 0.5), ((-0.6, -0.25, -0.8), 0.35), ((0.1, -0.2, 1.0), 0.4))


def build_shell(scene: ApartmentScene, plan: FloorPlan, random: Random) -> None:
    """Build floors, ceilings, walls with wallpaper and skirting boards, and a lamp for each room."""
    if plan.twins is not None:
        _light_evenly(scene)
    hues = (float(random.random()) + random.permutation(len(plan.rooms)) / len(plan.rooms)) % 1.0
    kinds = random.permutation(6)
    white = scene.material(
        textures.finish(random, textures.blend((0.9, 0.9, 0.88), (0.97, 0.97, 0.95), textures.noise(random, (8, 8)))),
        tile_m=1.5,
    )
    board = scene.material(rgb=(0.93, 0.92, 0.9))
    for room in plan.drawn_rooms:
        area = room.floor
        size = (area.max_x - area.min_x + WALL_THICKNESS, area.max_y - area.min_y + WALL_THICKNESS)
        scene.panel("floor", "+z", (*room.centre, 0.0), *size, _floor(scene, room.kind, random))
        scene.panel("ceiling", "-z", (*room.centre, CEILING_HEIGHT), *size, white)
        shade = scene.material(rgb=(1.0, 0.98, 0.9), emission=0.7, name=f"{SHADE}_{room.index}")
        scene.ellipsoid("ceiling", (*room.centre, CEILING_HEIGHT - 0.08), (0.5, 0.5, 0.16), shade)
        brightness = float(random.uniform(0.5, 0.64))
        if plan.twins is None:
            scene.light(f"{LAMP}_{room.index}", (*room.centre, CEILING_HEIGHT - 0.45), brightness)
        walls = [wall for wall in plan.walls if wall.room == room.index]
        accent = int(random.integers(4))
        papers = [
            textures.wallpaper(random, hues[room.index], int(kinds[room.index])),
            textures.wallpaper(random, hues[room.index] + 0.12, int(kinds[(room.index + 2) % 6])),
        ]
        for i, wall in enumerate(walls):
            tint = float(random.uniform(0.82, 1.0))
            paper = scene.material(
                papers[int(i == accent)], (tint, tint, tint), tile_m=float(random.uniform(1.0, 1.5)), pattern=0.05
            )
            _paper_wall(scene, wall, paper, board)


def _light_evenly(scene: ApartmentScene) -> None:
    """Add light without positions: lamps shine through walls and would make twin rooms differ."""
    for direction, brightness in _DAYLIGHT:
        scene.daylight(direction, brightness)


def _floor(scene: ApartmentScene, kind: str, random: Random) -> str:
    if kind == "kitchen":
        return scene.material(textures.tiles(random, float(random.random())), tile_m=1.4, shine=0.2, pattern=0.5)
    if kind == "hall":
        return scene.material(
            textures.tiles(random, float(random.random()), checker=False), tile_m=1.6, shine=0.2, pattern=0.4
        )
    hue, value = random.uniform(0.05, 0.11), random.uniform(0.75, 1.0)
    herringbone = bool(random.random() < 0.4)
    return scene.material(
        textures.planks(random, hue, value, herringbone=herringbone), tile_m=1.6, shine=0.15, pattern=0.6
    )


def _paper_wall(scene: ApartmentScene, wall: WallSide, paper: str, board: str) -> None:
    half = DOOR_WIDTH / 2
    edges = [wall.start, *sorted(e for door in wall.doors for e in (door - half, door + half)), wall.end]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        middle = wall.point((start + end) / 2, 0.0)
        scene.panel("wall", wall.facing, (*middle, CEILING_HEIGHT / 2), end - start, CEILING_HEIGHT, paper)
        skirting = wall.point((start + end) / 2, 0.006)
        size = (0.012, end - start, 0.09) if wall.along == "y" else (end - start, 0.012, 0.09)
        scene.box("wall", (*skirting, 0.045), size, board)
    for door in wall.doors:
        above = wall.point(door, 0.0)
        height = CEILING_HEIGHT - DOOR_HEIGHT
        scene.panel("wall", wall.facing, (*above, CEILING_HEIGHT - height / 2), DOOR_WIDTH, height, paper)


def build_doors(scene: ApartmentScene, plan: FloorPlan, furnishing: Furnishing, random: Random) -> None:
    """Build a frame in every doorway, and a leaf, open flat against the wall, if there is space."""
    for door in plan.drawn_doorways:
        image = textures.wood(random, float(random.uniform(0.03, 0.12)), float(random.uniform(0.4, 1.0)))
        frame = scene.material(image, wrap="cube")
        door_frame(scene, door, frame)
        leaf = scene.material(wall_pictures.door_leaf(random, image), wrap="cube")
        position = door.y if door.along == "y" else door.x
        sides = (wall for wall in plan.walls if wall.room in door.rooms and position in wall.doors)
        any(_hang_leaf(scene, wall, door, leaf, furnishing) for wall in sides)  # on the first side that has space


def door_frame(scene: ApartmentScene, door: Doorway, material: str) -> None:
    """Build the frame of a doorway."""
    depth, post = WALL_THICKNESS + 0.05, 0.09
    for side in (-1, 1):
        shift = side * DOOR_WIDTH / 2
        x, y = (door.x, door.y + shift) if door.along == "y" else (door.x + shift, door.y)
        size = (depth, post, DOOR_HEIGHT) if door.along == "y" else (post, depth, DOOR_HEIGHT)
        scene.box("door", (x, y, DOOR_HEIGHT / 2), size, material)
    size = (depth, DOOR_WIDTH + post, post) if door.along == "y" else (DOOR_WIDTH + post, depth, post)
    scene.box("door", (door.x, door.y, DOOR_HEIGHT + 0.02), size, material)


def _hang_leaf(scene: ApartmentScene, wall: WallSide, door: Doorway, leaf: str, furnishing: Furnishing) -> bool:
    position = door.y if wall.along == "y" else door.x
    width = DOOR_WIDTH - 0.1
    for side in (-1, 1):
        middle = position + side * (DOOR_WIDTH / 2 + 0.08 + width / 2)
        place = FurniturePlace(*wall.point(middle, 0.03), wall.facing)
        area = place.footprint(width, 0.05)
        free = wall.start < middle - width / 2 and middle + width / 2 < wall.end
        if (
            free
            and not any(area.overlaps(piece.area) for piece in furnishing.placed)
            and not _near_door(wall, middle, width)
        ):
            place.box(scene, "door", leaf, (-width / 2, width / 2), (0.0, 0.045), (0.01, DOOR_HEIGHT - 0.05))
            return True
    return False


def _near_door(wall: WallSide, middle: float, width: float) -> bool:
    return any(abs(middle - door) < (width + DOOR_WIDTH) / 2 for door in wall.doors)
