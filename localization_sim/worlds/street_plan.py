"""What stays of a street from one visit to the next: streets, houses with their fronts, trees. Metres, map frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_sim.textures import Colour, Image, Random
from localization_sim.worlds.facades import facade

Array = npt.NDArray[np.float64]

#: Half the side of the area that views are taken in; houses and streets go on outside.
HALF_AREA, REACH = 20.0, 55.0
#: Half widths of the roadway, and of the whole street between the houses.
ROADWAY, STREET = 4.5, 7.5
STOREY, BAY, DEPTH = 3.2, 2.6, 9.0
#: Streets keep so far from the middle of the area, so that the middle is a bad guess.
OFFSETS = (6.5, 13.0)


@dataclass(frozen=True)
class Street:
    """A straight street without ends: a point on its centre line, and its direction, radians."""

    x: float
    y: float
    heading: float

    def place(self, along: Array | float, aside: Array | float) -> Array:
        """Points (..., 2) so far along the street and to the left of its centre line."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return np.stack(
            [self.x + along * cos - np.asarray(aside) * sin, self.y + along * sin + np.asarray(aside) * cos], axis=-1
        )


@dataclass(frozen=True)
class House:
    """Middle of its front on the ground, heading out of the front, and sizes."""

    x: float
    y: float
    heading: float
    width: float
    height: float
    front: int
    wall: Colour


@dataclass(frozen=True)
class StreetPlan:
    """Attributes: streets (one, or two that cross), houses, their fronts' pictures, and trees (x, y, height)."""

    streets: tuple[Street, ...]
    houses: tuple[House, ...]
    fronts: tuple[Image, ...]
    trees: tuple[tuple[float, float, float], ...]


def draw_plan(random: Random, *, fronts: int) -> StreetPlan:
    """A street, or a crossing of two, with closed rows of houses of at most so many different fronts."""
    turn = float(random.uniform(-np.pi, np.pi))
    offsets = random.uniform(*OFFSETS, 2) * random.choice([-1.0, 1.0], 2)
    crossing = random.random() < 0.6
    # The second street runs at right angles; the point of each is that nearest to the middle of the area.
    lines = [(turn, offsets[0]), (turn + np.pi / 2, offsets[1])][: 2 if crossing else 1]
    streets = tuple(Street(-np.sin(h) * d, np.cos(h) * d, h) for h, d in lines)
    houses: list[House] = []
    pictures: list[Image] = []
    trees: list[tuple[float, float, float]] = []
    for number, street in enumerate(streets):
        # Where the other street crosses; along the second, the corner houses belong to the first.
        gap = _crossing(streets, number)
        margin = STREET if number == 0 else STREET + DEPTH
        for side in (-1.0, 1.0):
            for start, end in _intervals(random, gap, margin):
                houses.append(_house(random, street, side, start, end, pictures, fronts))
            trees += _row_of_trees(random, street, side, gap)
    return StreetPlan(streets, tuple(houses), tuple(pictures), tuple(trees))


def _crossing(streets: tuple[Street, ...], number: int) -> float | None:
    """How far along a street the other one crosses it."""
    if len(streets) == 1:
        return None
    street, other = streets[number], streets[1 - number]
    offset = np.array([other.x - street.x, other.y - street.y])
    return float(offset @ [np.cos(street.heading), np.sin(street.heading)])


def _intervals(random: Random, gap: float | None, margin: float) -> list[tuple[float, float]]:
    """Stretches of a street's side, one for each house."""
    parts = [(-REACH, REACH)] if gap is None else [(-REACH, gap - margin), (gap + margin, REACH)]
    found = []
    for start, end in parts:
        position = start
        while end - position > 5.0:
            width = min(float(random.uniform(6.0, 15.0)), end - position)
            found.append((position, position + width))
            position += width
    return found


def _house(
    random: Random, street: Street, side: float, start: float, end: float, pictures: list[Image], fronts: int
) -> House:
    storeys, bays = int(random.integers(2, 8)), max(2, round((end - start) / BAY))
    middle = (start + end) / 2
    if len(pictures) < fronts:
        picture, wall = facade(random, storeys=storeys, bays=bays)
        pictures.append(picture)
        front = len(pictures) - 1
    else:  # once more a front from elsewhere
        front, wall = int(random.integers(fronts)), (0.5, 0.45, 0.4)
    x, y = street.place(middle, side * (STREET + float(random.choice([0.0, 0.0, 0.6]))))
    heading = street.heading - side * np.pi / 2
    return House(float(x), float(y), float(heading), end - start, storeys * STOREY, front, wall)


def _row_of_trees(random: Random, street: Street, side: float, gap: float | None) -> list[tuple[float, float, float]]:
    trees = []
    if random.random() < 0.5:
        for along in np.arange(-30.0, 30.0, random.uniform(7.0, 14.0)) + random.uniform(-3.0, 3.0):
            if (gap is None or abs(along - gap) > STREET + 1.0) and random.random() < 0.8:
                x, y = street.place(float(along), side * (ROADWAY + 0.8))
                trees.append((float(x), float(y), float(random.uniform(4.0, 8.0))))
    return trees
