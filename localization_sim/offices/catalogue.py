"""Furniture and fittings of an office floor: each kind is built once, in a few variants, and copied to its places."""

from __future__ import annotations

import cv2
import numpy as np

from localization_sim import textures
from localization_sim.apartments import furniture as f
from localization_sim.apartments import wall_pictures
from localization_sim.apartments.furniture import Furniture
from localization_sim.apartments.placing import FurniturePlace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.solid import Solid
from localization_sim.textures import Image, Random

#: Number of different prints on all walls, and of views out of the windows.
_PRINTS, _VIEWS = 48, 6
#: Number of different whiteboards and pinboards.
_BOARDS = 12
#: Side of the texture of a door plate, pixels.
_PLATE = 64

#: Kinds of furniture: builder, and number of variants.
_KINDS = {
    "desk": (f.desk, 4),
    "bookcase": (lambda: f.bookcase(1.0), 4),
    "drawers": (lambda: f.cabinet(0.9, 0.42, 0.85, 2, 4), 3),
    "plant": (f.plant, 3),
    "sofa": (lambda: f.sofa(1.6), 2),
    "meeting table": (lambda: f.table(1.8, 0.9, 0.75, chairs=True), 1),
    "kitchen table": (lambda: f.table(1.2, 0.75, 0.75, chairs=True), 1),
    "television": (f.television, 2),
    "kitchen unit": (lambda: f.kitchen_unit(2.2), 1),
    "fridge": (f.fridge, 1),
    "copier": (lambda: f.cabinet(0.8, 0.6, 1.05, 1, 3), 1),
}


class Catalogue:
    """Furniture, prints and views of one office floor.

    Args:
        scene: scene that all of it is built into.
        random: source of patterns and colours.
    """

    def __init__(self, scene: ApartmentScene, random: Random) -> None:
        self._scene = scene
        self._variants = {
            name: [_built(scene, kind(), random) for _ in range(variants)] for name, (kind, variants) in _KINDS.items()
        }
        self.prints = [scene.material(wall_pictures.painting(random, kind)) for kind in range(_PRINTS)]
        self.views = [scene.material(wall_pictures.view_outside(random), emission=0.5) for _ in range(_VIEWS)]
        self.boards = [scene.material(board(random, pinned=bool(i % 2))) for i in range(_BOARDS)]
        self.frame = scene.material(rgb=(0.25, 0.24, 0.23))

    def put(self, name: str, place: FurniturePlace, variant: int) -> None:
        """Copy a variant of a kind to a place."""
        variants = self._variants[name]
        for solid in variants[variant % len(variants)]:
            turned = solid.turned(place.quarters, 0.0, 0.0)
            self._scene.solids.append(turned.moved(place.x, place.y))

    def hang_board(self, place: FurniturePlace, width: float, number: int) -> None:
        """Hang a whiteboard or a pinboard of a width, metres."""
        place.box(self._scene, "picture", self.frame, (-width / 2, width / 2), (0.0, 0.02), (0.85, 1.85))
        inner = (-width / 2 + 0.02, width / 2 - 0.02)
        place.front(self._scene, "picture", self.boards[number % _BOARDS], inner, 0.024, (0.87, 1.83))

    def hang(self, place: FurniturePlace, width: float, height: float, middle: float, number: int) -> None:
        """Hang a framed print at a height, metres."""
        low, high = middle - height / 2, middle + height / 2
        place.box(self._scene, "picture", self.frame, (-width / 2, width / 2), (0.0, 0.025), (low, high))
        inner = (-width / 2 + 0.03, width / 2 - 0.03)
        material = self.prints[number % len(self.prints)]
        place.front(self._scene, "picture", material, inner, 0.029, (low + 0.03, high - 0.03))


def _built(scene: ApartmentScene, piece: Furniture, random: Random) -> list[Solid]:
    """Build a piece at the origin, and take its solids out of the scene again."""
    first = len(scene.solids)
    piece.build(scene, FurniturePlace(0.0, 0.0, "+x"), random)
    solids = scene.solids[first:]
    del scene.solids[first:]
    return solids


def board(random: Random, *, pinned: bool) -> Image:
    """Draw a pinboard with sheets of paper, or a whiteboard with lines of writing and a sketch (256, 256, 3)."""
    side = textures.SIZE
    image = np.full((side, side, 3), (150, 112, 70) if pinned else (244, 246, 247), np.uint8)
    if pinned:
        for _ in range(14):
            x, y = (int(c) for c in random.integers(0, side - 50, 2))
            width, height = (int(c) for c in random.integers(28, 60, 2))
            paper = tuple(int(c) for c in random.integers(190, 255, 3))
            cv2.rectangle(image, (x, y), (x + width, y + height), paper, -1)
            for row in range(y + 8, y + height - 4, 7):
                cv2.line(image, (x + 4, row), (x + int(random.integers(10, width - 3)), row), (70, 70, 80), 2)
        return image
    for row in range(34, side, 34):
        text = "".join(random.choice(list("abdefghkmnorstuxyz   "), 15))
        ink = tuple(int(c) for c in random.integers(20, 150, 3))
        cv2.putText(image, text, (8, row), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 0.9, ink, 2, cv2.LINE_AA)
    corners = random.integers(20, side - 20, (4, 2)).astype(np.int32)
    cv2.polylines(image, [corners], True, (30, 60, 160), 3, cv2.LINE_AA)
    return image


def door_plate(number: int) -> Image:
    """Draw the plate beside a door (64, 64, 3): a number over a line that differs from room to room."""
    image = np.full((_PLATE, _PLATE, 3), 245, np.uint8)
    cv2.rectangle(image, (1, 1), (_PLATE - 2, _PLATE - 2), (40, 60, 110), 3)
    cv2.putText(image, f"{number:03d}", (6, 32), cv2.FONT_HERSHEY_DUPLEX, 0.85, (20, 25, 40), 2, cv2.LINE_AA)
    for bit in range(8):
        if number >> bit & 1:
            cv2.rectangle(image, (7 + 6 * bit, 42), (11 + 6 * bit, 54), _ink(number + bit), -1)
    return image


def _ink(number: int) -> tuple[int, int, int]:
    """Return the colour of a mark on a door plate, 0..255."""
    red, green, blue = textures.colour(0.137 * number, 0.8, 0.6)
    return int(255 * red), int(255 * green), int(255 * blue)
