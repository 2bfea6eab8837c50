"""Drawing of random worlds by kind, split and number."""

from __future__ import annotations

import zlib
from typing import Literal

import numpy as np

from localization_common.datasets.worlds import WorldSet
from localization_sim.worlds.domain import Domain
from localization_sim.worlds.mazes import Mazes
from localization_sim.worlds.rooms import Rooms
from localization_sim.worlds.street import Streets

#: Kinds of worlds by name.
DOMAINS: dict[str, Domain] = {
    "rooms": Rooms(),
    "rooms_uniform": Rooms(camera="uniform"),
    "mazes": Mazes(),
    "street": Streets(),
}
Name = Literal["rooms", "rooms_uniform", "mazes", "street"]
#: Part of the seed of every world: equal numbers in two splits give different worlds.
SPLITS = {"train": 0, "validation": 1, "test": 2}


def draw_worlds(name: Name, seed: int, split: str, numbers: range) -> WorldSet:
    """Draw worlds of a split by their numbers.

    Raises:
        CameraError: OpenGL does not start.
    """
    domain = DOMAINS[name]
    with domain.open_stage() as stage:
        worlds = [domain.draw(stage, _random(name, seed, split, number)) for number in numbers]
    images, poses, visits = (np.stack(parts) for parts in zip(*worlds, strict=True))
    return WorldSet(name, images, poses.astype(np.float32), visits, domain.metres_per_unit, domain.panoramic)


def _random(name: str, seed: int, split: str, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode()), SPLITS[split], number])
