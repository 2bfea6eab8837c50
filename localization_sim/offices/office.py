"""Office floor, drawn from a seed: geometry, textures, classes, and what a camera can see of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from localization_sim.apartments.apartment import ROBOT_HEIGHTS, Apartment
from localization_sim.apartments.free_space import FreeSpace
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.offices.catalogue import Catalogue
from localization_sim.offices.interior import Interior
from localization_sim.offices.office_plan import OfficePlan, draw_office_plan
from localization_sim.offices.shell import Shell
from localization_sim.offices.sight import Sight

#: Height of the skirting boards, metres; the walls themselves are obstacles already.
_SKIRTING = 0.13


@dataclass(frozen=True)
class Office(Apartment):
    """Office floor in the map frame: x in 0..plan.width, y in 0..plan.height, floor at z = 0, metres.

    Attributes:
        sight: geometries in sight of a camera; the others are not drawn.
    """

    sight: Sight | None = None

    @classmethod
    def of_area(cls, area: float, seed: int = 0, *, width: int = 640, height: int = 480, samples: int = 4) -> Office:
        """Draw an office floor of about an area, square metres.

        Args:
            area: area; see `draw_office_plan`.
            seed: seed; equal seeds and areas give equal floors, pixel by pixel.
            width: width of the largest image, pixels.
            height: height of the largest image, pixels.
            samples: samples of a pixel.

        Raises:
            ConfigError: the area is too small.
        """
        plan = draw_office_plan(seed, area)
        scene, owners = _built(plan, np.random.default_rng([seed, 8, round(area)]))
        low, high = ROBOT_HEIGHTS
        obstacles = [f for f in scene.footprints if f.bottom < high and f.top > max(low, _SKIRTING)]
        reach = float(np.hypot(plan.width, plan.height))
        model, labels = scene.compile((width, height), reach=reach, samples=samples)
        return cls(seed, plan, model, labels, FreeSpace(plan, obstacles), sight=Sight(plan, owners))


def _built(plan: OfficePlan, random: np.random.Generator) -> tuple[ApartmentScene, np.ndarray]:
    """Build the scene; return it with the rooms (N, 2) of each of its solids."""
    scene, owners = ApartmentScene(), [np.empty((0, 2), dtype=np.int32)]
    shell = Shell(scene, plan, random)
    catalogue = Catalogue(scene, random)
    interior = Interior(scene, plan, catalogue, random)
    walls = plan.walls
    of_room = {room.index: [w for w in walls if w.room == room.index] for room in plan.rooms}

    def belongs(*rooms: int) -> None:
        added = len(scene.solids) - sum(map(len, owners))
        owners.append(np.tile(np.array([rooms[0], rooms[-1]], dtype=np.int32), (added, 1)))

    for room in plan.rooms:
        shell.room(room, of_room[room.index])
        interior.room(room, of_room[room.index])
        belongs(room.index)
    for number, door in enumerate(plan.doorways):
        shell.doors(number, [*of_room[door.rooms[0]], *of_room[door.rooms[1]]])
        belongs(*door.rooms)
    for glass in plan.glass:
        shell.glass(glass)
        belongs(*glass.rooms)
    return scene, np.concatenate(owners)
