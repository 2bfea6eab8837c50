"""Textures of house fronts: rows of windows, and a shop, a gate or doors at the bottom; (128, 128, 3) uint8."""

from __future__ import annotations

import cv2
import numpy as np

from localization_sim.textures import Colour, Image, Random, blend, colour, noise

SIDE = 128


def facade(random: Random, *, storeys: int, bays: int) -> tuple[Image, Colour]:
    """Draw a front with rows and columns of windows; return it and the colour of its wall, 0..1."""
    wall = _wall_colour(random)
    shade = blend(wall, tuple(0.82 * c for c in wall), noise(random, (6, 6), SIDE))  # type: ignore[arg-type]
    image = (255.0 * shade).astype(np.uint8)
    if random.random() < 0.4:
        _brick_courses(image)
    glass = colour(0.58, float(random.uniform(0.1, 0.4)), float(random.uniform(0.15, 0.5)))
    trim = colour(float(random.random()), float(random.uniform(0.0, 0.25)), float(random.uniform(0.3, 1.0)))
    fill = float(random.uniform(0.4, 0.65)), float(random.uniform(0.45, 0.7))
    row = SIDE / storeys
    for storey in range(storeys - 1):
        _windows(image, storey * row, row, bays, fill, glass, trim)
        if storey == 0 or random.random() < 0.15:
            cv2.rectangle(image, (0, int(storey * row)), (SIDE, int(storey * row + 0.08 * row)), _bytes(trim), -1)
    _ground_floor(random, image, (storeys - 1) * row, bays, glass)
    return image, wall


def _wall_colour(random: Random) -> Colour:
    kind = random.random()
    if kind < 0.45:  # brick
        return colour(
            float(random.uniform(0.0, 0.08)), float(random.uniform(0.35, 0.65)), float(random.uniform(0.4, 0.75))
        )
    if kind < 0.8:  # plaster and stone
        return colour(
            float(random.uniform(0.07, 0.16)), float(random.uniform(0.05, 0.35)), float(random.uniform(0.6, 0.95))
        )
    return colour(float(random.random()), float(random.uniform(0.2, 0.5)), float(random.uniform(0.4, 0.8)))


def _brick_courses(image: Image) -> None:
    image[::4] = (image[::4] * 0.85).astype(np.uint8)


def _windows(
    image: Image, top: float, row: float, bays: int, fill: tuple[float, float], glass: Colour, trim: Colour
) -> None:
    bay = SIDE / bays
    width, height = fill[0] * bay, fill[1] * row
    for i in range(bays):
        x, y = (i + 0.5) * bay - width / 2, top + 0.55 * row - height / 2
        outer, inner = _corners(x, y, width, height, 2.0), _corners(x, y, width, height, 0.0)
        cv2.rectangle(image, *outer, _bytes(trim), -1)
        cv2.rectangle(image, *inner, _bytes(glass), -1)


def _ground_floor(random: Random, image: Image, top: float, bays: int, glass: Colour) -> None:
    """Draw a shop with a sign over its whole width, a gate, or windows and doors."""
    height, kind = SIDE - top, random.random()
    bright = colour(float(random.random()), float(random.uniform(0.5, 1.0)), float(random.uniform(0.4, 0.95)))
    if kind < 0.5:
        cv2.rectangle(image, (3, int(top + 0.1 * height)), (SIDE - 4, SIDE), _bytes(glass), -1)
        cv2.rectangle(image, (0, int(top)), (SIDE, int(top + 0.3 * height)), _bytes(bright), -1)
        for x in np.linspace(0, SIDE, int(random.integers(2, 6))):
            cv2.line(image, (int(x), int(top + 0.3 * height)), (int(x), SIDE), _bytes(bright), 2)
    elif kind < 0.7:
        cv2.rectangle(image, (SIDE // 4, int(top + 0.15 * height)), (3 * SIDE // 4, SIDE), _bytes(bright), -1)
    else:
        bay = SIDE / bays
        for i in range(bays):
            tall = random.random() < 0.3
            corners = _corners(
                i * bay + 0.25 * bay, top + 0.2 * height, 0.5 * bay, (0.8 if tall else 0.45) * height, 0.0
            )
            cv2.rectangle(image, *corners, _bytes(bright if tall else glass), -1)


def _corners(x: float, y: float, width: float, height: float, grow: float) -> tuple[tuple[int, int], tuple[int, int]]:
    return (round(x - grow), round(y - grow)), (round(x + width + grow), round(y + height + grow))


def _bytes(rgb: Colour) -> tuple[int, int, int]:
    return int(255 * rgb[0]), int(255 * rgb[1]), int(255 * rgb[2])
