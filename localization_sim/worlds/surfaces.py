"""Small seamless textures for walls and floors of random worlds, and skies: (64, 64, 3) uint8, fast to draw."""

from __future__ import annotations

import numpy as np

from localization_sim.textures import Colour, Field, Image, Random, blend, colour, finish, noise

SIDE = 64

#: Names of the patterns of `surface`.
PATTERNS = ("plain", "checks", "columns", "rows", "dots", "bricks", "zigzag", "clouds")

_V, _U = (np.mgrid[0:SIDE, 0:SIDE] + 0.5) / SIDE


def random_colour(random: Random, saturation: tuple[float, float] = (0.25, 0.9)) -> Colour:
    """Draw a colour of any hue that is neither black nor white."""
    return colour(float(random.random()), float(random.uniform(*saturation)), float(random.uniform(0.45, 1.0)))


def surface(
    random: Random, pattern: str, base: Colour, accent: Colour, *, across: int = 4, down: int = 2, side: int = SIDE
) -> Image:
    """Draw a repeating pattern.

    Args:
        random: source of the grain.
        pattern: one of `PATTERNS`.
        base, accent: its two colours.
        across, down: number of repetitions over the whole texture.
        side: width and height of the texture, pixels.
    """
    weight = _weight(random, pattern, across, down)
    image = finish(random, blend(base, accent, weight), 0.06)
    return image if side == SIDE else image.repeat(side // SIDE, axis=0).repeat(side // SIDE, axis=1)


def random_surface(random: Random, *, across: tuple[int, int] = (2, 7), down: tuple[int, int] = (1, 4)) -> Image:
    """Draw a random pattern in two random colours, with repetitions in these ranges (upper ends excluded)."""
    base, accent = random_colour(random), random_colour(random)
    pattern = PATTERNS[int(random.integers(len(PATTERNS)))]
    repetitions = int(random.integers(*across)), int(random.integers(*down))
    return surface(random, pattern, base, accent, across=repetitions[0], down=repetitions[1])


def sky(random: Random, top: Colour, horizon: Colour, *, clouds: float = 0.8) -> Image:
    """Draw a sky from the zenith's colour to the horizon's, with clouds of this density, 0..1."""
    clear = blend(top, horizon, _V**1.5)
    cloud = np.clip(2.0 * noise(random, (8, 4), SIDE) - 1.1, 0.0, clouds)[..., None]
    return finish(random, clear * (1.0 - cloud) + cloud, 0.0)


def _weight(random: Random, pattern: str, across: int, down: int) -> Field:
    """Weight (64, 64) of the accent colour in each pixel, 0..1."""
    u, v = (_U * across) % 1.0, (_V * down) % 1.0
    if pattern == "plain":
        return 0.35 * noise(random, (4, 4), SIDE)
    if pattern == "checks":
        return np.asarray((u < 0.5) ^ (v < 0.5), dtype=np.float64)
    if pattern == "columns":
        return np.asarray(u < 0.45, dtype=np.float64)
    if pattern == "rows":
        return np.asarray(v < 0.45, dtype=np.float64)
    if pattern == "dots":
        return np.clip((0.34 - np.hypot(u - 0.5, v - 0.5)) * 10.0, 0.0, 1.0)
    if pattern == "bricks":
        shifted = (_U * across + 0.5 * (np.floor(_V * 2 * down) % 2)) % 1.0
        return np.asarray((shifted < 0.1) | ((_V * 2 * down) % 1.0 < 0.2), dtype=np.float64)
    if pattern == "zigzag":
        return np.asarray((v + np.abs(u - 0.5)) % 1.0 < 0.4, dtype=np.float64)
    return np.clip(1.6 * noise(random, (2 * down, across), SIDE) - 0.3, 0.0, 1.0)
