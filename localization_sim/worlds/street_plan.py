"""Permanent parts of an area: streets, houses with their fronts, trees. Metres in the map frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_sim.textures import Colour, Image, Random
from localization_sim.worlds.facades import facade

Array = npt.NDArray[np.float64]

#: Half the side of the area with cameras; half the side of the area with houses and streets.
HALF_AREA, REACH = 20.0, 55.0
#: Half widths of the roadway, and of the whole street between the houses.
ROADWAY, STREET = 4.5, 7.5
STOREY, BAY, DEPTH = 3.2, 2.6, 9.0
#: Distances of streets from the middle of the area, so that the middle is a bad guess: single ones, two in parallel.
OFFSETS, PAIR_OFFSETS = (4.0, 13.0), (9.0, 13.5)


@dataclass(frozen=True)
class Street:
    """Straight street without ends: a point on its centre line, and its direction, radians."""

    x: float
    y: float
    heading: float

    def place(self, along: Array | float, aside: Array | float) -> Array:
        """Points (..., 2) at distances along the street and to the left of its centre line."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return np.stack(
            [self.x + along * cos - np.asarray(aside) * sin, self.y + along * sin + np.asarray(aside) * cos], axis=-1
        )


@dataclass(frozen=True)
class House:
    """House: middle of its front on the ground, heading out of the front, sizes, number of its picture, and colour."""

    x: float
    y: float
    heading: float
    width: float
    height: float
    depth: float
    front: int
    wall: Colour


@dataclass(frozen=True)
class StreetPlan:
    """Plan of an area: two to four streets that cross, houses, pictures of their fronts, and trees (x, y, height)."""

    streets: tuple[Street, ...]
    houses: tuple[House, ...]
    fronts: tuple[Image, ...]
    trees: tuple[tuple[float, float, float], ...]


def draw_plan(random: Random, *, fronts: int) -> StreetPlan:
    """Draw streets that cross at right angles, with closed rows of houses with at most ``fronts`` different fronts."""
    turn = float(random.uniform(-np.pi, np.pi))
    directions = [(turn, _offsets(random)), (turn + np.pi / 2, _offsets(random))]
    streets: list[Street] = []
    houses: list[House] = []
    pictures: list[Image] = []
    trees: list[tuple[float, float, float]] = []
    for number, (heading, offsets) in enumerate(directions):
        for i, offset in enumerate(offsets):
            street = Street(-np.sin(heading) * offset, np.cos(heading) * offset, heading)
            streets.append(street)
            gaps = _gaps(directions[1 - number][1], corners=number == 1)
            for side in (-1, 1):
                depth = _depth(offsets, i, side)
                for start, end in _intervals(random, gaps):
                    houses.append(_house(random, street, side, (start, end), depth, pictures, fronts))
                trees += _row_of_trees(random, street, side, gaps)
    return StreetPlan(tuple(streets), tuple(houses), tuple(pictures), tuple(trees))


def _offsets(random: Random) -> list[float]:
    """Distances of parallel streets to the left of the middle of the area: one, or two with a block between them."""
    if random.random() < 0.3:
        return [float(random.uniform(*OFFSETS) * random.choice([-1.0, 1.0]))]
    return [-float(random.uniform(*PAIR_OFFSETS)), float(random.uniform(*PAIR_OFFSETS))]


def _depth(offsets: list[float], street: int, side: int) -> float:
    """Depth of the houses on one side of a street; between two streets, at most half of the block."""
    if not 0 <= street + side < len(offsets):
        return DEPTH
    return min(DEPTH, (abs(offsets[street + side] - offsets[street]) - 2 * STREET) / 2)


def _gaps(crossing: list[float], *, corners: bool) -> list[tuple[float, float]]:
    """Intervals along a street without houses, where other streets cross it.

    Args:
        crossing: offsets of the streets that cross.
        corners: the corner houses belong to the crossing streets, so that the gaps are wider by their depth.
    """
    if not corners:  # the first streets: seen along them, the left of the crossing streets is behind
        return sorted((-offset - STREET, -offset + STREET) for offset in crossing)
    return [
        (offset - STREET - _depth(crossing, i, -1), offset + STREET + _depth(crossing, i, 1))
        for i, offset in enumerate(crossing)
    ]


def _intervals(random: Random, gaps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Draw intervals of a street's side, one for each house."""
    starts, ends = [-REACH, *(after for _, after in gaps)], [*(before for before, _ in gaps), REACH]
    found = []
    for start, end in zip(starts, ends, strict=True):
        position = start
        while end - position > 2.5:
            width = min(float(random.uniform(6.0, 15.0)), end - position)
            found.append((position, position + width))
            position += width
    return found


def _house(
    random: Random,
    street: Street,
    side: int,
    stretch: tuple[float, float],
    depth: float,
    pictures: list[Image],
    fronts: int,
) -> House:
    storeys, bays = int(random.integers(2, 8)), max(2, round((stretch[1] - stretch[0]) / BAY))
    if len(pictures) < fronts:
        picture, wall = facade(random, storeys=storeys, bays=bays)
        pictures.append(picture)
        front = len(pictures) - 1
    else:  # reuse the front of another house
        front, wall = int(random.integers(fronts)), (0.5, 0.45, 0.4)
    x, y = street.place((stretch[0] + stretch[1]) / 2, side * STREET)
    heading = street.heading - side * np.pi / 2
    width = stretch[1] - stretch[0]
    return House(float(x), float(y), float(heading), width, storeys * STOREY, depth, front, wall)


def _row_of_trees(
    random: Random, street: Street, side: int, gaps: list[tuple[float, float]]
) -> list[tuple[float, float, float]]:
    trees = []
    if random.random() < 0.5:
        for along in np.arange(-30.0, 30.0, random.uniform(7.0, 14.0)) + random.uniform(-3.0, 3.0):
            free = all(not before < along < after for before, after in gaps)
            if free and random.random() < 0.8:
                x, y = street.place(float(along), side * (ROADWAY + 0.8))
                trees.append((float(x), float(y), float(random.uniform(4.0, 8.0))))
    return trees
