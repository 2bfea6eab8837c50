"""Procedural textures: wallpapers, floors, fabrics, wood. All are (H, W, 3) uint8; repeating ones have no seam."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float64]
Colour = tuple[float, float, float]
Random = np.random.Generator

SIZE = 256


def colour(hue: float, saturation: float, value: float) -> Colour:
    """Convert hue, saturation and value, 0..1, to RGB, 0..1."""
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


def noise(random: Random, cells: tuple[int, int], size: int = SIZE) -> Field:
    """Smooth periodic noise (size, size) in 0..1 with about ``cells`` cells (down, across)."""
    grid = random.random(cells)
    grid = np.pad(grid, 2, mode="wrap")
    fine = cv2.resize(
        grid, (size * (cells[1] + 4) // cells[1], size * (cells[0] + 4) // cells[0]), interpolation=cv2.INTER_CUBIC
    )
    top, left = 2 * size // cells[0], 2 * size // cells[1]
    return np.asarray(np.clip(fine[top : top + size, left : left + size], 0.0, 1.0), dtype=np.float64)


def blend(first: Colour, second: Colour, weight: Field) -> Field:
    """Image (H, W, 3), 0..1: the first colour where the weight (H, W) is 0, the second where it is 1."""
    a, b = np.array(first), np.array(second)
    return np.asarray(a + (b - a) * weight[..., None])


def finish(random: Random, image: Field, grain: float = 0.03) -> Image:
    """Convert an image (H, W, 3), 0..1, to uint8 with a little grain."""
    rough = image + grain * (random.random(image.shape[:2])[..., None] - 0.5)
    return np.asarray(np.clip(rough * 255.0, 0, 255), dtype=np.uint8)


def calmed(image: Image, pattern: float) -> Image:
    """Keep a share (0..1) of the pattern of a texture (H, W, 3) around its mean colour, which fades as well."""
    mean = image.mean(axis=(0, 1))
    grey = mean.mean()
    plain = grey + (0.3 + 0.7 * pattern) * (mean - grey)
    return np.asarray(np.clip(plain + pattern * (image - mean), 0, 255), dtype=np.uint8)


def wallpaper(random: Random, hue: float, kind: int) -> Image:
    """Wallpaper in one of six patterns: plaster, stripes, dots, lozenges, bricks, leaves."""
    base, accent = colour(hue, 0.26, 0.9), colour(hue + random.uniform(-0.05, 0.08), 0.45, 0.66)
    v, u = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    if kind % 6 == 0:
        weight = 0.7 * noise(random, (5, 5)) + 0.3 * noise(random, (20, 20))
    elif kind % 6 == 1:
        weight = ((u * 4) % 1.0 < 0.42).astype(float) + 0.25 * ((u * 16) % 1.0 < 0.2)
    elif kind % 6 == 2:
        distance = np.hypot((u * 4 + 0.5 * (np.floor(v * 4) % 2)) % 1.0 - 0.5, (v * 4) % 1.0 - 0.5)
        weight = np.clip((0.3 - distance) * 12, 0, 1)
    elif kind % 6 == 3:
        weight = np.clip(3 * np.abs(np.abs((u * 3) % 1.0 - 0.5) + np.abs((v * 3) % 1.0 - 0.5) - 0.5), 0, 1)
    elif kind % 6 == 4:
        row = np.floor(v * 8)
        mortar = ((v * 8) % 1.0 < 0.12) | ((u * 4 + 0.5 * (row % 2)) % 1.0 < 0.06)
        weight = np.where(mortar, 0.0, 0.6 + 0.5 * noise(random, (8, 4)))
    else:
        weight = np.clip(0.5 + 0.9 * np.sin(2 * np.pi * (3 * u + 0.25 * np.sin(4 * np.pi * v))), 0, 1)
        weight *= np.clip(0.4 + np.sin(2 * np.pi * 4 * v + 2 * np.sin(2 * np.pi * 3 * u)), 0, 1)
    return finish(random, blend(base, accent, np.clip(weight, 0, 1)))


def planks(random: Random, hue: float, value: float, *, rows: int = 8, herringbone: bool = False) -> Image:
    """Wooden floor: staggered planks, each with its own shade and grain."""
    size = 512
    v, u = np.mgrid[0:size, 0:size] / size
    if herringbone:
        u, v = (u + v) % 1.0, (u - v) % 1.0
    row = np.floor(v * rows).astype(int) % rows
    shift = random.random(rows)[row]
    position = (u * 2 + shift) % 2.0
    plank = np.floor(position).astype(int)
    shade = random.uniform(0.72, 1.0, (rows, 2))[row, plank]
    gap = ((v * rows) % 1.0 < 0.05) | (position % 1.0 < 0.012)
    grain = noise(random, (64, 4), size)
    wood = np.array(colour(hue, 0.5, value)) * (shade * (0.86 + 0.2 * grain))[..., None]
    wood[gap] *= 0.55
    return finish(random, wood)


def tiles(random: Random, hue: float, *, count: int = 4, checker: bool = True) -> Image:
    """Tiled floor with grout; checkered or in shades."""
    v, u = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    i, j = np.floor(v * count).astype(int), np.floor(u * count).astype(int)
    weight = ((i + j) % 2).astype(float) if checker else random.random((count, count))[i, j]
    image = blend(colour(hue, 0.12, 0.92), colour(hue, 0.45, 0.5), weight)
    image *= (0.92 + 0.1 * noise(random, (12, 12)))[..., None]
    image[((v * count) % 1.0 < 0.04) | ((u * count) % 1.0 < 0.04)] = 0.75
    return finish(random, image)


def rug(random: Random, hue: float) -> Image:
    """Rug: concentric borders and a field of medallions, once over its whole area."""
    size = 256
    v, u = np.mgrid[0:size, 0:size] / size
    edge = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
    palette = [colour(hue + d, random.uniform(0.4, 0.8), random.uniform(0.35, 0.85)) for d in (0, 0.5, 0.12, 0.62)]
    rings = np.floor(edge * 18).astype(int) % 4
    image = np.array(palette)[rings]
    inner = edge > 0.17
    k = random.integers(3, 6)
    pattern = np.sin(k * np.pi * 2 * u) * np.sin(k * np.pi * 2 * v) + 0.5 * np.cos(2 * np.pi * 2 * (u - v))
    field = np.array(palette)[np.digitize(pattern, [-0.5, 0.0, 0.6])]
    image[inner] = field[inner]
    return finish(random, image * (0.9 + 0.1 * noise(random, (64, 64)))[..., None], 0.1)


def wood(random: Random, hue: float, value: float) -> Image:
    """Veneer for furniture, grain upright."""
    grain = 0.6 * noise(random, (3, 24)) + 0.4 * noise(random, (6, 64))
    image = np.array(colour(hue, 0.5, value)) * (0.75 + 0.4 * grain)[..., None]
    return finish(random, image)


def fabric(random: Random, hue: float, saturation: float, value: float, kind: int) -> Image:
    """Cloth for seats, beds and curtains: plain weave, stripes, checks or spots."""
    v, u = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    base, other = colour(hue, saturation, value), colour(hue + 0.08, saturation * 0.6, min(1.0, value * 1.35))
    if kind % 4 == 0:
        weight = 0.5 * noise(random, (32, 32))
    elif kind % 4 == 1:
        weight = ((u * 6) % 1.0 < 0.4).astype(float)
    elif kind % 4 == 2:
        weight = 0.5 * ((u * 5) % 1.0 < 0.5) + 0.5 * ((v * 5) % 1.0 < 0.5)
    else:
        weight = np.clip((0.3 - np.hypot((u * 5) % 1.0 - 0.5, (v * 5) % 1.0 - 0.5)) * 14, 0, 1)
    return finish(random, blend(base, other, weight), 0.06)


def leaves(random: Random, hue: float) -> Image:
    """Foliage: light and dark green blotches."""
    weight = np.clip(1.8 * noise(random, (14, 14)) - 0.4, 0, 1)
    return finish(random, blend(colour(hue, 0.75, 0.25), colour(hue + 0.03, 0.6, 0.65), weight), 0.15)
