"""Pictures for flat fronts: paintings, views out of windows, rows of books, screens, doors."""

from __future__ import annotations

import cv2
import numpy as np

from localization_sim.textures import SIZE, Image, Random, blend, colour, fabric, finish, noise


def painting(random: Random, kind: int) -> Image:
    """Draw a random picture (256, 256, 3) in one of seven styles."""
    style = (_blocks, _discs, _landscape, _waves, _portrait, _poster, _triangles)[kind % 7]
    return style(random)


def _rgb(random: Random, saturation: float = 0.7, value: float = 0.85) -> tuple[int, int, int]:
    r, g, b = colour(random.random(), saturation * random.uniform(0.6, 1.2), value * random.uniform(0.5, 1.15))
    return int(r * 255), int(g * 255), int(b * 255)


def _blocks(random: Random) -> Image:
    image = np.full((SIZE, SIZE, 3), 240, np.uint8)
    xs = [0, *sorted(random.integers(20, SIZE - 20, 3).tolist()), SIZE]
    ys = [0, *sorted(random.integers(20, SIZE - 20, 3).tolist()), SIZE]
    for i in range(4):
        for j in range(4):
            if random.random() < 0.6:
                cv2.rectangle(image, (xs[i], ys[j]), (xs[i + 1], ys[j + 1]), _rgb(random), -1)
            cv2.rectangle(image, (xs[i], ys[j]), (xs[i + 1], ys[j + 1]), (20, 20, 20), 7)
    return image


def _discs(random: Random) -> Image:
    image = np.full((SIZE, SIZE, 3), _rgb(random, 0.3, 0.9), np.uint8)
    for _ in range(9):
        centre = (int(random.integers(0, SIZE)), int(random.integers(0, SIZE)))
        for radius in range(int(random.integers(25, 70)), 5, -14):
            cv2.circle(image, centre, radius, _rgb(random), -1, cv2.LINE_AA)
    return image


def _landscape(random: Random) -> Image:
    v, _ = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    hue = random.random()
    image = blend(colour(hue, 0.6, 0.9), colour(hue + 0.15, 0.3, 1.0), v)
    cv2.circle(image, (int(random.integers(40, 216)), int(random.integers(30, 90))), 26, colour(0.12, 0.6, 1.0), -1)
    for layer in range(4):
        ridge = 0.35 + 0.15 * layer + 0.13 * (noise(random, (1, 4 + layer))[0] - 0.5) * 2
        image[v > ridge[None, :]] = colour(hue + 0.3 + 0.07 * layer, 0.6, 0.75 - 0.15 * layer)
    return finish(random, image)


def _waves(random: Random) -> Image:
    v, u = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    phase = random.uniform(2, 5) * u + random.uniform(2, 5) * v + noise(random, (4, 4)) * random.uniform(1, 3)
    bands = np.floor(phase * 2).astype(int) % 5
    return finish(random, np.array([_rgb(random) for _ in range(5)])[bands] / 255.0)


def _portrait(random: Random) -> Image:
    image = np.full((SIZE, SIZE, 3), _rgb(random, 0.5, 0.6), np.uint8)
    cv2.ellipse(image, (128, 250), (100, 90), 0, 0, 360, _rgb(random), -1, cv2.LINE_AA)
    skin = colour(random.uniform(0.04, 0.1), 0.45, random.uniform(0.4, 0.95))
    skin_rgb = tuple(int(255 * c) for c in skin)
    cv2.ellipse(image, (128, 95), (64, 76), 0, 180, 360, _rgb(random, 0.6, 0.5), -1, cv2.LINE_AA)
    cv2.ellipse(image, (128, 115), (50, 64), 0, 0, 360, skin_rgb, -1, cv2.LINE_AA)
    for x in (108, 148):
        cv2.circle(image, (x, 105), 7, (30, 25, 20), -1, cv2.LINE_AA)
    cv2.ellipse(image, (128, 148), (20, 7), 0, 0, 180, (150, 50, 50), -1, cv2.LINE_AA)
    return image


def _poster(random: Random) -> Image:
    image = np.full((SIZE, SIZE, 3), _rgb(random, 0.5, 0.95), np.uint8)
    ink = _rgb(random, 0.8, 0.35)
    for line in range(3):
        text = "".join(random.choice(list("ABDEGKMNORSTUX"), 5))
        cv2.putText(image, text, (12, 70 + 70 * line), cv2.FONT_HERSHEY_DUPLEX, 2.1, ink, 9, cv2.LINE_AA)
    cv2.rectangle(image, (6, 6), (SIZE - 7, SIZE - 7), ink, 6)
    return image


def _triangles(random: Random) -> Image:
    image = np.full((SIZE, SIZE, 3), _rgb(random, 0.3, 0.8), np.uint8)
    for _ in range(14):
        cv2.fillPoly(image, [random.integers(-30, SIZE + 30, (3, 2)).astype(np.int32)], _rgb(random), cv2.LINE_AA)
    return image


def view_outside(random: Random) -> Image:
    """View out of a window: sky with clouds, and roofs or trees."""
    v, _ = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    image = blend(colour(0.57, 0.45, 1.0), colour(0.55, 0.1, 1.0), v)
    cloud = np.clip(2.2 * noise(random, (6, 3)) - 1.0, 0, 1)[..., None]
    image = image * (1 - cloud) + cloud
    horizon = random.uniform(0.5, 0.7)
    if random.random() < 0.5:
        ridge = horizon + 0.12 * (noise(random, (1, 10))[0] - 0.5) * 2
        green = blend(colour(0.3, 0.7, 0.35), colour(0.25, 0.6, 0.7), noise(random, (24, 24)))
        image = np.where((v > ridge[None, :])[..., None], green, image)
    else:
        x = 0
        while x < SIZE:
            width, top = int(random.integers(30, 75)), int(SIZE * (horizon + random.uniform(-0.2, 0.1)))
            shade = colour(random.uniform(0, 0.12), random.uniform(0.2, 0.6), random.uniform(0.5, 0.9))
            cv2.rectangle(image, (x, top), (x + width, SIZE), shade, -1)
            for wx in range(x + 6, x + width - 8, 14):
                for wy in range(top + 10, SIZE - 10, 22):
                    cv2.rectangle(image, (wx, wy), (wx + 7, wy + 11), (0.25, 0.3, 0.4), -1)
            x += width
    return finish(random, image)


def books(random: Random) -> Image:
    """Front of a book case: five boards with books of all colours."""
    image = np.full((SIZE, SIZE, 3), 45, np.uint8)
    for board in range(5):
        bottom = (board + 1) * SIZE // 5 - 6
        x = 4
        while x < SIZE - 10:
            if random.random() < 0.1:
                x += int(random.integers(10, 30))
            width, height = int(random.integers(7, 19)), int(random.integers(26, 42))
            cv2.rectangle(image, (x, bottom - height), (x + width - 1, bottom), _rgb(random, 0.75, 0.8), -1)
            cv2.line(image, (x + 2, bottom - height + 6), (x + width - 3, bottom - height + 6), (230, 220, 180), 2)
            x += width
        cv2.rectangle(image, (0, bottom), (SIZE, bottom + 5), (150, 105, 60), -1)
    return image


def doors_and_drawers(random: Random, front: Image, columns: int, rows: int) -> Image:
    """Front of a cabinet: the given surface divided into doors or drawers with handles."""
    image = front.copy()
    for i in range(columns):
        for j in range(rows):
            x0, x1 = i * SIZE // columns + 4, (i + 1) * SIZE // columns - 5
            y0, y1 = j * SIZE // rows + 4, (j + 1) * SIZE // rows - 5
            cv2.rectangle(image, (x0, y0), (x1, y1), (40, 32, 28), 3)
            if rows > columns:
                cv2.line(
                    image,
                    ((x0 + x1) // 2 - 16, (y0 + y1) // 2),
                    ((x0 + x1) // 2 + 16, (y0 + y1) // 2),
                    (210, 210, 205),
                    6,
                )
            else:
                x = x1 - 12 if i % 2 == 0 else x0 + 12
                cv2.line(image, (x, (y0 + y1) // 2 - 14), (x, (y0 + y1) // 2 + 14), (210, 210, 205), 6)
    return image


def door_leaf(random: Random, front: Image) -> Image:
    """Door leaf with two panels and a handle."""
    image = front.copy()
    for y0, y1 in ((18, 120), (140, 240)):
        cv2.rectangle(image, (40, y0), (SIZE - 41, y1), (60, 48, 40), 5)
    cv2.rectangle(image, (14, 122), (34, 140), (200, 180, 90), -1)
    return image


def bedspread(random: Random, hue: float) -> Image:
    """Blanket with a broad border."""
    image = fabric(random, hue, 0.55, 0.7, int(random.integers(1, 4)))
    cv2.rectangle(image, (0, 0), (SIZE - 1, SIZE - 1), tuple(int(255 * c) for c in colour(hue + 0.4, 0.5, 0.8)), 26)
    return image
