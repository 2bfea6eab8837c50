"""Floor plan that contains one room twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from localization_sim.apartments.floor_plan import DOOR_WIDTH, ROOM_KINDS, WALL_THICKNESS, Doorway, FloorPlan, Room
from localization_sim.apartments.solid import Footprint


def draw_twin_plan(seed: int) -> FloorPlan:
    """Draw a floor plan of about 11 x 7 m: two rooms in the lower row, and two twin rooms with a third one between.

    The twins are in the upper row. Each has one doorway, at the same place, into different rooms of the lower row; the
    room between them has two. The same seed gives the same plan.
    """
    random = np.random.default_rng([seed, 6])
    # Whole centimetres, so that rounded coordinates of both twins differ by exactly the same shift.
    outer, inner = (round(float(random.uniform(*limits)), 2) for limits in ((3.5, 3.8), (3.8, 4.1)))
    width, height = 2 * outer + inner, float(random.uniform(6.8, 7.3))
    split = height * float(random.uniform(0.47, 0.53))
    twin_kind = ("bedroom", "study", "hall")[random.integers(3)]  # kinds without a table, with more free space
    kinds = [kind for kind in random.permutation(ROOM_KINDS[:5]).tolist() if kind != twin_kind][:3]
    kinds = [*kinds[:2], twin_kind, kinds[2], twin_kind]
    middle = width / 2
    cuts = [(0.0, middle, width), (0.0, outer, outer + inner, width)]
    floors = [
        Footprint(left, bottom, right, top).grown(-WALL_THICKNESS / 2)
        for row, bottom, top in ((cuts[0], 0.0, split), (cuts[1], split, height))
        for left, right in pairwise(row)
    ]
    rooms = tuple(Room(i, kind, floor) for i, (kind, floor) in enumerate(zip(kinds, floors, strict=True)))

    margin = DOOR_WIDTH / 2 + 0.25
    along = float(random.uniform(floors[2].min_x + margin, floors[2].max_x - margin))
    between = float(random.uniform(floors[0].min_y + margin, floors[0].max_y - margin))
    doorways = [
        Doorway(middle, between, "y", (0, 1)),
        Doorway(along, split, "x", (0, 2)),
        Doorway(along + outer + inner, split, "x", (1, 4)),
    ]
    for below in (0, 1):
        first = max(floors[below].min_x, floors[3].min_x) + margin
        last = min(floors[below].max_x, floors[3].max_x) - margin
        doorways.append(Doorway(float(random.uniform(first, last)), split, "x", (below, 3)))
    return FloorPlan(width, height, rooms, tuple(doorways), twins=(2, 4))
