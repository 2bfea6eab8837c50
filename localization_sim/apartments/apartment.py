"""Furnished apartment, drawn from a seed: geometry, textures and classes."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_sim.apartments import decoration, structure
from localization_sim.apartments.floor_plan import WALL_THICKNESS, FloorPlan, draw_floor_plan
from localization_sim.apartments.free_space import FreeSpace
from localization_sim.apartments.furnishing import furnish
from localization_sim.apartments.rearranging import Move, rearrange
from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.solid import CLASS_NAMES
from localization_sim.apartments.twin_plan import draw_twin_plan

#: Objects between these heights (metres) are obstacles of the robot.
ROBOT_HEIGHTS = (0.03, 0.95)


@dataclass(frozen=True)
class Apartment:
    """Apartment in the map frame: x in 0..plan.width, y in 0..plan.height, floor at z = 0, metres.

    Attributes:
        seed: seed of the apartment; equal seeds give equal apartments, pixel by pixel.
        plan: rooms and doorways.
        model: MuJoCo model with one camera.
        geom_labels: label id of each geometry (model.ngeom,).
        space: free space of the robot.
        moved: furniture that was moved from its place of the seed.
        class_names: names of the label ids.
    """

    seed: int
    plan: FloorPlan
    model: mujoco.MjModel
    geom_labels: npt.NDArray[np.uint8]
    space: FreeSpace
    moved: tuple[Move, ...] = ()
    class_names: tuple[str, ...] = CLASS_NAMES

    @classmethod
    def from_seed(
        cls,
        seed: int = 0,
        *,
        rearranged: float = 0.0,
        twin_room: bool = False,
        calm: float = 0.0,
        width: int = 640,
        height: int = 480,
    ) -> Apartment:
        """Draw an apartment; images of up to width x height pixels can be rendered.

        Args:
            seed: seed of the apartment.
            rearranged: share, 0..1, of the furniture to move; everything else stays, pixel by pixel. Equal seeds and
                shares move the same pieces to the same places.
            twin_room: use another floor plan, which contains one room twice; the light is far away, so that both
                rooms have the same brightness.
            calm: 0..1: how much of patterns and colours is taken away, up to walls of one colour, plain fabrics and
                few pictures. Rooms and furniture stay.
            width: width of the largest image, pixels.
            height: height of the largest image, pixels.

        Raises:
            ConfigError: a share is not in 0..1, or there are no other places for so much furniture.
        """
        if not 0.0 <= rearranged <= 1.0:
            raise ConfigError(f"rearranged is {rearranged}: it is a share of the furniture, from 0 to 1")
        if not 0.0 <= calm <= 1.0:
            raise ConfigError(f"calm is {calm}: it is from 0 to 1")
        plan = draw_twin_plan(seed) if twin_room else draw_floor_plan(seed)
        scene = ApartmentScene(calm)
        random = np.random.default_rng([seed, 2])
        structure.build_shell(scene, plan, random)
        decoration.lay_rugs(scene, plan, random)
        furnishing = furnish(scene, plan, random)
        structure.build_doors(scene, plan, furnishing, random)
        decoration.hang_windows(scene, plan, random)
        decoration.hang_pictures(scene, plan, random)
        moved = rearrange(scene, plan, furnishing, rearranged, np.random.default_rng([seed, 5]))
        if plan.twin_rooms is not None:
            scene.repeat(plan.twin_rooms.first.grown(WALL_THICKNESS * 2 / 3), plan.twin_rooms.shift)
        low, high = ROBOT_HEIGHTS
        skirting = 0.1
        obstacles = [f for f in scene.footprints if f.bottom < high and f.top > max(low, skirting)]
        model, labels = scene.compile((width, height))
        return cls(seed, plan, model, labels, FreeSpace(plan, obstacles), moved)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Bounds min_x, min_y, max_x, max_y of the floor in metres."""
        return 0.0, 0.0, self.plan.width, self.plan.height
