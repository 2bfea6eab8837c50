"""Kinds of furniture, each built of a few solids, with the back to a wall or free in a room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from localization_sim import textures
from localization_sim.apartments import wall_pictures
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.textures import Random

Builder = Callable[[ApartmentScene, FurniturePlace, Random], None]


@dataclass(frozen=True)
class Furniture:
    """Kind of furniture with its size (metres) and its builder.

    Attributes:
        height: height of its top.
        at_wall: True if its back stands at a wall; otherwise it stands free.
        movable: True if it can be moved.
    """

    name: str
    width: float
    depth: float
    height: float
    build: Builder
    at_wall: bool = True
    movable: bool = True


def _wood(scene: ApartmentScene, random: Random) -> tuple[str, textures.Image]:
    image = textures.wood(random, random.uniform(0.03, 0.11), random.uniform(0.55, 1.0))
    return scene.material(image, wrap="cube", pattern=0.7), image


def _cloth(scene: ApartmentScene, random: Random) -> str:
    image = textures.fabric(
        random, random.random(), random.uniform(0.2, 0.6), random.uniform(0.45, 0.85), int(random.integers(4))
    )
    return scene.material(image, wrap="cube", pattern=0.2)


def _legs(
    place: FurniturePlace, scene: ApartmentScene, label: str, material: str, half: float, depth: float, height: float
) -> None:
    for u in (-half + 0.05, half - 0.05):
        for d in (0.05, depth - 0.05):
            scene.cylinder(label, (*place.point(u, d), height / 2), 0.03, height, material)


def sofa(width: float) -> Furniture:
    """Sofa, or armchair if narrow."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        cloth, pillow = _cloth(scene, random), _cloth(scene, random)
        half = width / 2
        place.box(scene, "seat", cloth, (-half, half), (0.0, 0.85), (0.06, 0.42))
        place.box(scene, "seat", cloth, (-half, half), (0.0, 0.25), (0.42, 0.85))
        for arm in ((-half, -half + 0.16), (half - 0.16, half)):
            place.box(scene, "seat", cloth, arm, (0.25, 0.83), (0.42, 0.62))
        for u in np.linspace(-half + 0.4, half - 0.4, 2 if width > 1.2 else 1):
            place.box(scene, "seat", pillow, (u - 0.2, u + 0.2), (0.25, 0.38), (0.43, 0.74))

    return Furniture("sofa", width, 0.85, 0.85, build)


def bed(width: float) -> Furniture:
    """Bed with its head at the wall."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        frame, _ = _wood(scene, random)
        blanket = scene.material(wall_pictures.bedspread(random, random.random()), wrap="cube", pattern=0.3)
        sheet = scene.material(textures.fabric(random, random.random(), 0.1, 0.92, 0), wrap="cube")
        half = width / 2
        place.box(scene, "seat", frame, (-half, half), (0.0, 0.06), (0.0, 1.0))
        place.box(scene, "seat", frame, (-half, half), (0.06, 1.98), (0.05, 0.3))
        place.box(scene, "seat", sheet, (-half + 0.04, half - 0.04), (0.06, 1.95), (0.3, 0.5))
        place.box(scene, "seat", blanket, (-half, half), (0.7, 2.0), (0.22, 0.55))
        for u in (-half / 2, half / 2) if width > 1.2 else (0.0,):
            place.box(scene, "seat", sheet, (u - 0.3, u + 0.3), (0.12, 0.5), (0.5, 0.62))

    return Furniture("bed", width, 2.0, 1.0, build)


def cabinet(width: float, depth: float, height: float, columns: int, rows: int) -> Furniture:
    """Wardrobe, sideboard or chest of drawers, depending on its size."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        if random.random() < 0.5:
            body, image = _wood(scene, random)
        else:
            image = textures.fabric(random, random.random(), random.uniform(0.2, 0.6), random.uniform(0.5, 0.9), 0)
            body = scene.material(image, wrap="cube")
        face = scene.material(wall_pictures.doors_and_drawers(random, image, columns, rows), shine=0.2)
        half = width / 2
        place.box(scene, "cabinet", body, (-half, half), (0.0, depth), (0.0, height))
        place.front(scene, "cabinet", face, (-half, half), depth + 0.004, (0.04, height))
        if height < 1.2:
            things_on_top(scene, place, random, width, depth, height)

    return Furniture("cabinet", width, depth, height, build)


def bookcase(width: float) -> Furniture:
    """Tall case full of books."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        body, _ = _wood(scene, random)
        place.box(scene, "cabinet", body, (-width / 2, width / 2), (0.0, 0.34), (0.0, 1.95))
        face = scene.material(wall_pictures.books(random))
        place.front(scene, "cabinet", face, (-width / 2 + 0.03, width / 2 - 0.03), 0.344, (0.05, 1.92))

    return Furniture("bookcase", width, 0.35, 1.95, build)


def kitchen_unit(width: float) -> Furniture:
    """Kitchen base units with a worktop, and wall units above."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        front = textures.fabric(random, random.random(), random.uniform(0.25, 0.6), random.uniform(0.55, 0.9), 0)
        body = scene.material(front, wrap="cube")
        top = scene.material(textures.tiles(random, 0.08, count=8, checker=False), wrap="cube")
        face = scene.material(wall_pictures.doors_and_drawers(random, front, 4, 1), shine=0.2)
        half = width / 2
        place.box(scene, "cabinet", body, (-half, half), (0.0, 0.58), (0.0, 0.86))
        place.box(scene, "cabinet", top, (-half, half), (0.0, 0.61), (0.86, 0.9))
        place.front(scene, "cabinet", face, (-half, half), 0.584, (0.08, 0.86))
        place.box(scene, "cabinet", body, (-half, half), (0.0, 0.35), (1.45, 2.1))
        place.front(scene, "cabinet", face, (-half, half), 0.354, (1.45, 2.1))

    return Furniture("kitchen unit", width, 0.61, 2.1, build, movable=False)


def fridge() -> Furniture:
    """Refrigerator in a random colour."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        image = textures.fabric(random, random.random(), random.uniform(0.0, 0.7), 0.85, 0)
        body = scene.material(image, wrap="cube", shine=0.4)
        face = scene.material(wall_pictures.doors_and_drawers(random, image, 1, 2), shine=0.4)
        place.box(scene, "cabinet", body, (-0.32, 0.32), (0.02, 0.64), (0.0, 1.8))
        place.front(scene, "cabinet", face, (-0.32, 0.32), 0.644, (0.0, 1.8))

    return Furniture("fridge", 0.66, 0.66, 1.8, build)


def television() -> Furniture:
    """Low board with a television set on it."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        body, image = _wood(scene, random)
        face = scene.material(wall_pictures.doors_and_drawers(random, image, 3, 1))
        black = scene.material(rgb=(0.06, 0.06, 0.07), shine=0.5)
        screen = scene.material(wall_pictures.painting(random, int(random.integers(7))), emission=0.3)
        place.box(scene, "cabinet", body, (-0.75, 0.75), (0.0, 0.4), (0.0, 0.48))
        place.front(scene, "cabinet", face, (-0.75, 0.75), 0.404, (0.03, 0.48))
        place.box(scene, "decoration", black, (-0.55, 0.55), (0.12, 0.18), (0.52, 1.17))
        place.front(scene, "decoration", screen, (-0.52, 0.52), 0.184, (0.55, 1.14))

    return Furniture("television", 1.5, 0.4, 1.2, build)


def desk() -> Furniture:
    """Desk with a computer and a chair in front of it."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        top, _ = _wood(scene, random)
        black = scene.material(rgb=(0.1, 0.1, 0.12), shine=0.4)
        screen = scene.material(wall_pictures.painting(random, int(random.integers(7))), emission=0.3)
        place.box(scene, "table", top, (-0.65, 0.65), (0.0, 0.62), (0.7, 0.75))
        for side in (-0.63, 0.58):
            place.box(scene, "table", top, (side, side + 0.05), (0.03, 0.6), (0.0, 0.7))
        place.box(scene, "decoration", black, (-0.3, 0.3), (0.15, 0.2), (0.82, 1.2))
        place.front(scene, "decoration", screen, (-0.28, 0.28), 0.204, (0.84, 1.18))
        chair_at(scene, FurniturePlace(*place.point(0.0, 1.0), _opposite(place.facing)), random)

    return Furniture("desk", 1.3, 1.05, 1.25, build)


def _opposite(facing: str) -> str:
    return ("-" if facing[0] == "+" else "+") + facing[1]


def chair_at(scene: ApartmentScene, place: FurniturePlace, random: Random, cloth: str | None = None) -> None:
    """Build a chair whose backrest stands at the place; thick enough to be visible at small image sizes."""
    cloth = cloth or _cloth(scene, random)
    place.box(scene, "seat", cloth, (-0.21, 0.21), (0.0, 0.05), (0.42, 0.92))
    place.box(scene, "seat", cloth, (-0.21, 0.21), (0.0, 0.42), (0.4, 0.47))
    _legs(place, scene, "seat", cloth, 0.21, 0.42, 0.4)


def table(width: float, depth: float, height: float, *, chairs: bool) -> Furniture:
    """Dining or coffee table, free in the room; its depth includes the chairs."""
    margin = 0.32 if chairs else 0.0

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        top, _ = _wood(scene, random)
        half = width / 2
        place.box(scene, "table", top, (-half, half), (margin, margin + depth), (height - 0.06, height))
        inner = FurniturePlace(*place.point(0.0, margin), place.facing)
        if chairs:
            _legs(inner, scene, "table", top, half, depth, height - 0.06)
            cloth = _cloth(scene, random)
            for u in (-half / 2, half / 2):
                chair_at(scene, FurniturePlace(*place.point(u, 0.0), place.facing), random, cloth)
                chair_at(
                    scene, FurniturePlace(*place.point(u, 2 * margin + depth), _opposite(place.facing)), random, cloth
                )
        else:
            place.box(
                scene, "table", top, (-half * 0.8, half * 0.8), (depth * 0.15, depth * 0.85), (0.0, height - 0.06)
            )

    return Furniture("table", width, depth + 2 * margin, height, build, at_wall=False)


def plant() -> Furniture:
    """Bush in a pot."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        pot = scene.material(rgb=textures.colour(random.random(), 0.6, 0.7))
        green = scene.material(textures.leaves(random, random.uniform(0.22, 0.4)), wrap="cube")
        x, y = place.point(0.0, 0.22)
        scene.cylinder("decoration", (x, y, 0.17), 0.17, 0.34, pot)
        crown = random.uniform(0.6, 1.0)
        scene.ellipsoid("decoration", (x, y, 0.34 + crown / 2), (0.44, 0.44, crown), green)

    return Furniture("plant", 0.44, 0.44, 1.4, build)


def lamp() -> Furniture:
    """Standard lamp with a shade."""

    def build(scene: ApartmentScene, place: FurniturePlace, random: Random) -> None:
        dark = scene.material(rgb=(0.2, 0.18, 0.16))
        shade = scene.material(rgb=textures.colour(random.random(), 0.5, 0.95), emission=0.45)
        x, y = place.point(0.0, 0.2)
        scene.cylinder("decoration", (x, y, 0.02), 0.15, 0.04, dark)
        scene.cylinder("decoration", (x, y, 0.6), 0.03, 1.2, dark)
        scene.cylinder("decoration", (x, y, 1.35), 0.19, 0.35, shade)

    return Furniture("lamp", 0.4, 0.4, 1.55, build)


def things_on_top(
    scene: ApartmentScene, place: FurniturePlace, random: Random, width: float, depth: float, height: float
) -> None:
    """Put one to three vases or boxes on a low cabinet."""
    for u in random.permutation(np.linspace(-width / 2 + 0.18, width / 2 - 0.18, 3))[: random.integers(1, 4)]:
        x, y = place.point(float(u), depth / 2)
        paint = scene.material(rgb=textures.colour(random.random(), 0.7, 0.8), shine=0.4)
        tall = float(random.uniform(0.2, 0.4))
        if random.random() < 0.5:
            scene.ellipsoid("decoration", (x, y, height + tall / 2), (0.2, 0.2, tall), paint)
        else:
            scene.box("decoration", (x, y, height + tall / 2), (0.2, 0.2, tall), paint)
