"""Random mazes, similar to those of GQN, with few surfaces, so that many places look the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_sim.textures import Colour, Random
from localization_sim.worlds.domain import Drawn
from localization_sim.worlds.maze_layout import Grid, draw_layout
from localization_sim.worlds.rooms import build_sky
from localization_sim.worlds.stage import WorldStage
from localization_sim.worlds.surfaces import PATTERNS, random_colour, random_surface, surface
from localization_sim.worlds.view import StageView

Array = npt.NDArray[np.float64]

#: Height of walls and camera, in blocks.
WALL_HEIGHT, CAMERA_HEIGHT, PITCH = 1.0, 0.45, -0.05
#: Smallest distance from a camera to a wall, in blocks.
CLEARANCE = 0.35
_STYLES, _FLOORS, _POSTERS, _MARKED = 3, 2, 4, 10
_SIDES = ((1, 0), (0, 1), (-1, 0), (0, -1))


@dataclass(frozen=True)
class Mazes:
    """Settings of random mazes.

    Attributes:
        views: number of pictures of each maze.
        size: width and height of a picture, pixels.
        cells: smallest and largest number of cells along each side; with the walls between them they span -1..1.
    """

    version: ClassVar[int] = 1
    metres_per_unit: ClassVar[float | None] = None
    panoramic: ClassVar[bool] = False

    views: int = 300
    size: int = 32
    cells: tuple[int, int] = (7, 8)

    def __post_init__(self) -> None:
        if self.views < 1 or self.size < 8 or not 7 <= self.cells[0] <= self.cells[1]:
            raise ConfigError(
                f"mazes need a view, 8 pixels and 7 cells or more, not {self.views} views of {self.size} pixels and "
                f"{self.cells} cells"
            )

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of a picture in pixels."""
        return self.size, self.size

    def open_stage(self) -> WorldStage:
        """Open the stage for `draw`."""
        view = StageView(self.size, self.size, min(self.views, 60), 75.0, near=0.005)
        return WorldStage(view, textures=_STYLES + _FLOORS + _POSTERS + 1, max_pieces=8 * self.cells[1] ** 2 + 100)

    def draw(self, stage: WorldStage, random: Random) -> Drawn:
        """Draw a maze; return pictures (views, size, size, 3), poses (views, 3) and visits (views,)."""
        free = draw_layout(random, int(random.integers(self.cells[0], self.cells[1] + 1)))
        stage.begin()
        _build(stage, random, free)
        poses = draw_cameras(random, free, self.views)
        positions = np.column_stack([poses[:, :2], np.full(self.views, CAMERA_HEIGHT * block_side(free))])
        return stage.draw(positions, poses[:, 2], PITCH), poses, np.zeros(self.views, np.uint8)


def block_side(free: Grid) -> float:
    """Side of a block in map units."""
    return 2.0 / len(free)


def _build(stage: WorldStage, random: Random, free: Grid) -> None:
    """Build a floor for each free block, walls around the free blocks, and posters on a few walls."""
    azimuth, ambient = random.uniform(-np.pi, np.pi), float(random.uniform(0.5, 0.65))
    stage.light((np.cos(azimuth), np.sin(azimuth), -1.2), ambient=ambient, diffuse=1.0 - ambient)
    styles = [stage.texture(image) for image in _draw_styles(random)]
    floors = [stage.texture(random_surface(random, across=(1, 3), down=(1, 3))) for _ in range(_FLOORS)]
    style_of, floor_of = _regions(random, len(free), _STYLES), _regions(random, len(free), _FLOORS)
    side, walls = block_side(free), []
    for row, column in np.argwhere(free):
        x, y = (column + 0.5) * side - 1.0, (row + 0.5) * side - 1.0
        stage.panel((x, y, 0.0), (0.0, 0.0, 1.0), (side, side), floors[floor_of[row, column]])
        for dx, dy in _SIDES:
            if not _is_free(free, row + dy, column + dx):
                walls.append(((x + dx * side / 2, y + dy * side / 2), (dx, dy), styles[style_of[row, column]]))
    for (x, y), (dx, dy), texture in walls:
        height = side * WALL_HEIGHT
        stage.panel((x, y, height / 2), (-dx, -dy, 0.0), (side, height), texture)
    posters = [stage.texture(random_surface(random, across=(1, 4), down=(1, 4))) for _ in range(_POSTERS)]
    for i in random.choice(len(walls), min(_MARKED, len(walls)), replace=False):
        (x, y), (dx, dy), _ = walls[i]
        ahead = 0.02 * side
        centre = (x - dx * ahead, y - dy * ahead, 0.55 * side)
        poster = posters[int(random.integers(_POSTERS))]
        stage.panel(centre, (-dx, -dy, 0.0), (0.55 * side, 0.5 * side), poster, glow=0.3)
    build_sky(stage, random, distance=6.0)


def _draw_styles(random: Random) -> list[npt.NDArray[np.uint8]]:
    """Draw wallpapers of one pattern in related colours: parts of a maze differ by them, corridors do not."""
    pattern = PATTERNS[int(random.integers(1, len(PATTERNS)))]
    base: Colour = random_colour(random)
    repeats = int(random.integers(1, 4))
    return [surface(random, pattern, base, random_colour(random), across=repeats, down=repeats) for _ in range(_STYLES)]


def _regions(random: Random, blocks: int, count: int) -> npt.NDArray[np.int64]:
    """Region, 0..count - 1, of each block (blocks, blocks), which is that of the nearest random centre."""
    centres = random.uniform(0, blocks, (2 * count, 2))
    where = np.moveaxis(np.mgrid[0:blocks, 0:blocks], 0, -1)[:, :, None]
    return np.asarray(np.argmin(((where - centres) ** 2).sum(axis=-1), axis=-1) % count)


def draw_cameras(random: Random, free: Grid, count: int) -> Array:
    """Draw poses (count, 3) over all free blocks, with a distance to walls."""
    side, blocks = block_side(free), np.argwhere(free)
    chosen = np.empty((0, 3))
    while len(chosen) < count:
        here = blocks[random.integers(0, len(blocks), 4 * count)]
        offset, yaw = random.uniform(-0.5, 0.5, (4 * count, 2)), random.uniform(-np.pi, np.pi, 4 * count)
        clear = np.ones(4 * count, bool)
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)):
            near = np.maximum(np.abs(offset - [down, right]) - 0.5, 0.0)  # from the neighbouring block, each axis
            solid = np.array([not _is_free(free, r + down, c + right) for r, c in here])
            clear &= ~solid | (np.hypot(near[:, 0], near[:, 1]) >= CLEARANCE)
        place = (here + 0.5 + offset) * side - 1.0
        chosen = np.concatenate([chosen, np.column_stack([place[:, 1], place[:, 0], yaw])[clear]])
    return chosen[:count]


def _is_free(free: Grid, row: int, column: int) -> bool:
    return 0 <= row < len(free) and 0 <= column < len(free) and bool(free[row, column])
