"""Walls with paper, floors, ceilings, door frames and leaves, windows, pictures and lamps of an apartment."""

from __future__ import annotations

from localization_sim import pictures, textures
from localization_sim.floor_plan import (
    CEILING_HEIGHT,
    DOOR_HEIGHT,
    DOOR_WIDTH,
    WALL_THICKNESS,
    Doorway,
    FloorPlan,
    WallSide,
)
from localization_sim.furnishing import Furnishing
from localization_sim.furniture import Place
from localization_sim.scene import Scene
from localization_sim.textures import Random

Interval = tuple[float, float]


def build_shell(scene: Scene, plan: FloorPlan, random: Random) -> None:
    """Floors, ceilings, papered walls with skirting boards, and a lamp for each room."""
    hues = (float(random.random()) + random.permutation(len(plan.rooms)) / len(plan.rooms)) % 1.0
    kinds = random.permutation(6)
    white = scene.material(
        textures.finish(random, textures.blend((0.9, 0.9, 0.88), (0.97, 0.97, 0.95), textures.noise(random, (8, 8)))),
        tile_m=1.5,
    )
    board = scene.material(rgb=(0.93, 0.92, 0.9))
    for room in plan.rooms:
        area = room.floor
        size = (area.max_x - area.min_x + WALL_THICKNESS, area.max_y - area.min_y + WALL_THICKNESS)
        scene.panel("floor", "+z", (*room.centre, 0.0), *size, _floor(scene, room.kind, random))
        scene.panel("ceiling", "-z", (*room.centre, CEILING_HEIGHT), *size, white)
        shade = scene.material(rgb=(1.0, 0.98, 0.9), emission=0.7)
        scene.ellipsoid("ceiling", (*room.centre, CEILING_HEIGHT - 0.08), (0.5, 0.5, 0.16), shade)
        scene.light((*room.centre, CEILING_HEIGHT - 0.45), float(random.uniform(0.5, 0.64)))
        walls = [wall for wall in plan.walls if wall.room == room.index]
        accent = int(random.integers(4))
        papers = [
            textures.wallpaper(random, hues[room.index], int(kinds[room.index])),
            textures.wallpaper(random, hues[room.index] + 0.12, int(kinds[(room.index + 2) % 6])),
        ]
        for i, wall in enumerate(walls):
            tint = float(random.uniform(0.82, 1.0))
            paper = scene.material(papers[int(i == accent)], (tint, tint, tint), tile_m=float(random.uniform(1.0, 1.5)))
            _paper_wall(scene, wall, paper, board)


def _floor(scene: Scene, kind: str, random: Random) -> str:
    if kind == "kitchen":
        return scene.material(textures.tiles(random, float(random.random())), tile_m=1.4, shine=0.2)
    if kind == "hall":
        return scene.material(textures.tiles(random, float(random.random()), checker=False), tile_m=1.6, shine=0.2)
    hue, value = random.uniform(0.05, 0.11), random.uniform(0.75, 1.0)
    herringbone = bool(random.random() < 0.4)
    return scene.material(textures.planks(random, hue, value, herringbone=herringbone), tile_m=1.6, shine=0.15)


def _paper_wall(scene: Scene, wall: WallSide, paper: str, board: str) -> None:
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


def build_doors(scene: Scene, plan: FloorPlan, furnishing: Furnishing, random: Random) -> None:
    """Frames in every doorway, and a leaf, open flat against the wall, where there is space for it."""
    for door in plan.doorways:
        image = textures.wood(random, float(random.uniform(0.03, 0.12)), float(random.uniform(0.4, 1.0)))
        frame = scene.material(image, wrap="cube")
        _door_frame(scene, door, frame)
        leaf = scene.material(pictures.door_leaf(random, image), wrap="cube")
        position = door.y if door.along == "y" else door.x
        sides = (wall for wall in plan.walls if wall.room in door.rooms and position in wall.doors)
        any(_hang_leaf(scene, wall, door, leaf, furnishing) for wall in sides)  # on the first side that has space


def _door_frame(scene: Scene, door: Doorway, material: str) -> None:
    depth, post = WALL_THICKNESS + 0.05, 0.09
    for side in (-1, 1):
        shift = side * DOOR_WIDTH / 2
        x, y = (door.x, door.y + shift) if door.along == "y" else (door.x + shift, door.y)
        size = (depth, post, DOOR_HEIGHT) if door.along == "y" else (post, depth, DOOR_HEIGHT)
        scene.box("door", (x, y, DOOR_HEIGHT / 2), size, material)
    size = (depth, DOOR_WIDTH + post, post) if door.along == "y" else (DOOR_WIDTH + post, depth, post)
    scene.box("door", (door.x, door.y, DOOR_HEIGHT + 0.02), size, material)


def _hang_leaf(scene: Scene, wall: WallSide, door: Doorway, leaf: str, furnishing: Furnishing) -> bool:
    position = door.y if wall.along == "y" else door.x
    width = DOOR_WIDTH - 0.1
    for side in (-1, 1):
        middle = position + side * (DOOR_WIDTH / 2 + 0.08 + width / 2)
        place = Place(*wall.point(middle, 0.03), wall.facing)
        area = place.footprint(width, 0.05)
        free = wall.start < middle - width / 2 and middle + width / 2 < wall.end
        if (
            free
            and not any(area.overlaps(other) for _, other in furnishing.placed)
            and not _near_door(wall, middle, width)
        ):
            place.box(scene, "door", leaf, (-width / 2, width / 2), (0.0, 0.045), (0.01, DOOR_HEIGHT - 0.05))
            return True
    return False


def _near_door(wall: WallSide, middle: float, width: float) -> bool:
    return any(abs(middle - door) < (width + DOOR_WIDTH) / 2 for door in wall.doors)


def _taken(wall: WallSide, scene: Scene, bottom: float) -> list[Interval]:
    """Stretches of a wall that something taller than ``bottom`` stands or hangs in front of."""
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


def hang_windows(scene: Scene, plan: FloorPlan, random: Random) -> None:
    """A window with curtains on outer walls, where no tall furniture stands; at most two to a room."""
    frame = scene.material(rgb=(0.95, 0.95, 0.95))
    for room in plan.rooms:
        count = 0
        for wall in (w for w in plan.walls if w.room == room.index and w.outer):
            gaps = [gap for gap in _gaps(wall, _taken(wall, scene, 0.95)) if gap[1] - gap[0] > 1.35]
            if not gaps or count == 2:
                continue
            low, high = max(gaps, key=lambda gap: gap[1] - gap[0])
            width = min(1.5, high - low - 0.35)
            place = Place(*wall.point((low + high) / 2, 0.0), wall.facing)
            view = scene.material(pictures.view_outside(random), emission=0.5)
            cloth = scene.material(
                textures.fabric(random, float(random.random()), 0.6, 0.75, int(random.integers(4))), wrap="cube"
            )
            half = width / 2
            place.box(scene, "window", frame, (-half, half), (0.0, 0.03), (0.95, 2.15))
            for left, right in ((-half + 0.05, -0.025), (0.025, half - 0.05)):
                place.front(scene, "window", view, (left, right), 0.034, (1.0, 2.1))
            for side in (-1, 1):
                inner, outer = sorted((side * (half - 0.02), side * (half + 0.16)))
                place.box(scene, "window", cloth, (inner, outer), (0.04, 0.1), (0.9, 2.25))
            count += 1


def hang_pictures(scene: Scene, plan: FloorPlan, random: Random) -> None:
    """Framed pictures, every one different, in what is left free of the walls."""
    number = int(random.integers(7))
    for wall in plan.walls:
        for low, high in _gaps(wall, _taken(wall, scene, 1.0)):
            position = low
            while high - position > 0.55:
                width = float(min(random.uniform(0.45, 0.95), high - position - 0.05))
                height = min(max(width * float(random.uniform(0.75, 1.3)), 0.45), 0.9)
                middle = float(random.uniform(1.25, 1.5))
                place = Place(*wall.point(position + width / 2 + 0.02, 0.0), wall.facing)
                _picture(scene, place, width, height, middle, number, random)
                number += 1
                position += width + float(random.uniform(0.15, 0.5))


def _picture(scene: Scene, place: Place, width: float, height: float, middle: float, kind: int, random: Random) -> None:
    frame = scene.material(rgb=textures.colour(float(random.random()), 0.4, float(random.uniform(0.1, 0.7))))
    canvas = scene.material(pictures.painting(random, kind))
    z0, z1 = middle - height / 2, middle + height / 2
    place.box(scene, "picture", frame, (-width / 2, width / 2), (0.0, 0.03), (z0, z1))
    place.front(scene, "picture", canvas, (-width / 2 + 0.04, width / 2 - 0.04), 0.034, (z0 + 0.04, z1 - 0.04))


def lay_rugs(scene: Scene, plan: FloorPlan, random: Random) -> None:
    """A rug in the middle of every room but the kitchen."""
    for room in plan.rooms:
        if room.kind == "kitchen":
            continue
        area = room.floor
        size = [0.62 * (area.max_x - area.min_x), 0.62 * (area.max_y - area.min_y)]
        size = [min(length, 2.4) * float(random.uniform(0.8, 1.0)) for length in size]
        x, y = room.centre
        material = scene.material(textures.rug(random, float(random.random())))
        scene.panel("rug", "+z", (x, y, 0.006), size[0], size[1], material)
