"""Floors, ceilings, walls, glass, doors and plates of an office floor."""

from __future__ import annotations

import numpy as np

from localization_sim import textures
from localization_sim.apartments.floor_plan import CEILING_HEIGHT, DOOR_HEIGHT, DOOR_WIDTH, Room, WallSide
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.structure import door_frame
from localization_sim.offices.catalogue import door_plate
from localization_sim.offices.office_plan import GlassWall, OfficePlan
from localization_sim.textures import Random

#: Direction and brightness of the light: the same everywhere, as many ceiling lights give it.
_LIGHT = (((0.35, 0.55, -1.0), 0.5), ((-0.7, -0.3, -0.8), 0.38), ((0.1, -0.2, 1.0), 0.4))
#: Bottom and top of the glass of a wall, metres.
GLASS_HEIGHTS = (0.12, 2.2)
#: Metres between the posts of a glass wall, and between the lights of a ceiling.
_POSTS, _LIGHTS = 1.3, 2.4
_CORRIDORS = ("corridor", "passage")


class Shell:
    """Materials of the shell, and the building of its parts.

    Args:
        scene: scene to build into.
        plan: rooms and doorways.
        random: source of patterns and colours.
    """

    def __init__(self, scene: ApartmentScene, plan: OfficePlan, random: Random) -> None:
        self._scene, self._plan = scene, plan
        for direction, brightness in _LIGHT:
            scene.daylight(direction, brightness)
        carpet = _carpet(random, float(random.uniform(0.5, 0.65)))
        speckled = textures.calmed(textures.tiles(random, float(random.random()), checker=False), 0.3)
        hue = float(random.random())
        self._floors = {
            "office": scene.material(carpet, tile_m=2.0),
            "corridor": scene.material(speckled, tile_m=2.4, shine=0.15),
            "open area": scene.material(textures.fabric(random, hue, 0.3, 0.55, 2), tile_m=1.5),
            "kitchen": scene.material(textures.tiles(random, hue), tile_m=1.4, shine=0.2),
        }
        self._wall = scene.material(_plaster(random, 0.12, 0.05), tile_m=1.5)
        self._accent = scene.material(_plaster(random, hue, 0.2), tile_m=1.3)
        white = textures.blend((0.88, 0.88, 0.87), (0.96, 0.96, 0.95), textures.noise(random, (8, 8)))
        self._ceiling = scene.material(textures.finish(random, _panelled(white)), tile_m=1.2)
        self._lamp = scene.material(rgb=(1.0, 1.0, 0.97), emission=0.8)
        self._board = scene.material(rgb=(0.45, 0.46, 0.48))
        self._glass = scene.material(rgb=(0.75, 0.88, 0.9), opacity=0.16, shine=0.6)
        self._film = scene.material(_film(random), tile_m=0.6)
        self._leaf = scene.material(textures.wood(random, 0.08, 0.85), wrap="cube")
        self._exit = scene.material(rgb=(0.1, 0.65, 0.3), emission=0.5)

    def room(self, room: Room, walls: list[WallSide]) -> None:
        """Build floor, ceiling, lights and the inner faces of the walls of a room."""
        area, scene = room.floor, self._scene
        size = (area.max_x - area.min_x + 0.12, area.max_y - area.min_y + 0.12)
        kind = "corridor" if room.kind in _CORRIDORS else room.kind
        floor = self._floors.get(kind, self._floors["office"])
        scene.panel("floor", "+z", (*room.centre, 0.0), *size, floor)
        scene.panel("ceiling", "-z", (*room.centre, CEILING_HEIGHT), *size, self._ceiling)
        for x in _spread(area.min_x, area.max_x, _LIGHTS):
            for y in _spread(area.min_y, area.max_y, _LIGHTS):
                scene.panel("ceiling", "-z", (x, y, CEILING_HEIGHT - 0.01), 0.9, 0.3, self._lamp)
        for wall in walls:
            paint = self._accent if kind != "corridor" and wall.facing == "-x" else self._wall
            self._paint(wall, paint)

    def _paint(self, wall: WallSide, paint: str) -> None:
        openings = [(door - DOOR_WIDTH / 2, door + DOOR_WIDTH / 2, 0.0, DOOR_HEIGHT) for door in wall.doors]
        openings += [(glass.start, glass.end, *GLASS_HEIGHTS) for glass in self._panes(wall)]
        position = wall.start
        for start, end, bottom, top in [*sorted(openings), (wall.end, wall.end, 0.0, CEILING_HEIGHT)]:
            if start > position:
                self._panel(wall, paint, (position, start), (0.0, CEILING_HEIGHT))
                self._skirting(wall, position, start)
            if end > start:
                self._panel(wall, paint, (start, end), (top, CEILING_HEIGHT))
                if bottom > 0.0:
                    self._panel(wall, paint, (start, end), (0.0, bottom))
            position = max(position, end)

    def _panes(self, wall: WallSide) -> list[GlassWall]:
        if wall.along == "y":
            return []
        return [g for g in self._plan.glass if wall.room in g.rooms and abs(g.y - wall.offset) < 0.12]

    def _panel(self, wall: WallSide, paint: str, along: tuple[float, float], z: tuple[float, float]) -> None:
        middle = wall.point((along[0] + along[1]) / 2, 0.0)
        centre = (*middle, (z[0] + z[1]) / 2)
        self._scene.panel("wall", wall.facing, centre, along[1] - along[0], z[1] - z[0], paint)

    def _skirting(self, wall: WallSide, start: float, end: float) -> None:
        x, y = wall.point((start + end) / 2, 0.006)
        size = (0.012, end - start, 0.08) if wall.along == "y" else (end - start, 0.012, 0.08)
        self._scene.box("wall", (x, y, 0.04), size, self._board)

    def glass(self, glass: GlassWall) -> None:
        """Build a wall of glass with posts, a rail and a strip of film."""
        scene, (low, high) = self._scene, GLASS_HEIGHTS
        middle, length = (glass.start + glass.end) / 2, glass.end - glass.start
        scene.box("window", (middle, glass.y, (low + high) / 2), (length, 0.012, high - low), self._glass)
        for z, height in ((low, 0.05), (high, 0.06)):
            scene.box("window", (middle, glass.y, z), (length, 0.14, height), self._board)
        for facing in ("+y", "-y"):
            y = glass.y + (0.009 if facing == "+y" else -0.009)
            scene.panel("window", facing, (middle, y, 1.25), length, 0.12, self._film)
        for x in np.linspace(glass.start, glass.end, max(2, 1 + round(length / _POSTS))):
            scene.box("window", (float(x), glass.y, (low + high) / 2), (0.06, 0.12, high - low), self._board)

    def doors(self, number: int, walls: list[WallSide]) -> None:
        """Build the frame of a doorway; a plate beside the door of a room, a sign over a fire door."""
        door, scene = self._plan.doorways[number], self._scene
        door_frame(scene, door, self._leaf)
        kinds = [self._plan.rooms[room].kind for room in door.rooms]
        if door.along == "y" or "passage" in kinds:
            for facing, side in (("+", 1), ("-", -1)):
                x, y = (door.x + side * 0.09, door.y) if door.along == "y" else (door.x, door.y + side * 0.09)
                axis = "x" if door.along == "y" else "y"
                scene.panel("decoration", facing + axis, (x, y, 2.25), 0.4, 0.18, self._exit)
            return
        outside = next(w for w in walls if w.room == door.rooms[1] and door.x in w.doors)
        plate = scene.material(door_plate(door.rooms[0]))
        place = FurniturePlace(*outside.point(door.x + DOOR_WIDTH / 2 + 0.25, 0.0), outside.facing)
        place.front(scene, "decoration", plate, (-0.13, 0.13), 0.008, (1.2, 1.46))


def _panelled(image: textures.Field) -> textures.Field:
    """Draw the joints of square ceiling panels into an image (H, W, 3)."""
    step = image.shape[0] // 2
    joined = image.copy()
    joined[::step, :] = joined[:, ::step] = 0.7
    return joined


def _carpet(random: Random, hue: float) -> textures.Image:
    """Carpet tiles of slightly different shades, with flecks (512, 512, 3)."""
    side, tiles = 512, 4
    shade = np.kron(random.uniform(0.8, 1.0, (tiles, tiles)), np.ones((side // tiles, side // tiles)))
    field = np.array(textures.colour(hue, 0.3, 0.55)) * shade[..., None]
    flecks = random.random((side // 4, side // 4)) < 0.04
    field[np.kron(flecks, np.ones((4, 4))).astype(bool)] *= 1.5
    return textures.finish(random, field, 0.06)


def _plaster(random: Random, hue: float, saturation: float) -> textures.Image:
    """Painted plaster: blotches and fine grain of one light colour."""
    weight = 0.6 * textures.noise(random, (6, 6)) + 0.4 * textures.noise(random, (40, 40))
    light, dark = textures.colour(hue, saturation, 0.97), textures.colour(hue, 1.4 * saturation, 0.84)
    return textures.finish(random, textures.blend(light, dark, weight))


def _film(random: Random) -> textures.Image:
    """Film on glass: bars of grey."""
    columns = np.repeat(random.uniform(0.55, 0.95, 16), textures.SIZE // 16)
    field = np.broadcast_to(columns[None, :, None], (textures.SIZE, textures.SIZE, 3))
    return textures.finish(random, np.asarray(field))


def _spread(low: float, high: float, every: float) -> list[float]:
    """Coordinates with about the same distance, half of it from both ends."""
    count = max(1, round((high - low) / every))
    return [low + (high - low) * (i + 0.5) / count for i in range(count)]
