"""A furnished apartment, drawn from a seed: geometry, textures and classes."""

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
from localization_sim.apartments.scene import Scene
from localization_sim.apartments.solid import CLASS_NAMES
from localization_sim.apartments.twin_plan import draw_twin_plan

#: Whatever fills heights between these (metres) is in the robot's way.
ROBOT_HEIGHTS = (0.03, 0.95)


@dataclass(frozen=True)
class Apartment:
    """One apartment in the map frame: x in 0..plan.width, y in 0..plan.height, floor at z = 0, metres.

    Attributes:
        seed: what it was drawn from; equal seeds give equal apartments, pixel by pixel.
        plan: rooms and doorways.
        model: MuJoCo model with one camera.
        geom_labels: (model.ngeom,) label id of each geometry.
        space: where the robot may drive.
        moved: furniture that does not stand where the seed had put it.
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
        width: int = 640,
        height: int = 480,
    ) -> Apartment:
        """Draw an apartment; pictures of up to width x height pixels can be rendered of it.

        Args:
            seed: what to draw it from.
            rearranged: share, 0..1, of the furniture to put elsewhere; all else stays, pixel by pixel. The same
                pieces go to the same places whenever seed and share are the same.
            twin_room: another floor plan, with a room that is there twice; all light comes from afar, so that its
                brightness does not tell the two apart.
            width: of the largest picture, pixels.
            height: of the largest picture, pixels.

        Raises:
            ConfigError: the share is not in 0..1, or so much furniture finds no other place.
        """
        if not 0.0 <= rearranged <= 1.0:
            raise ConfigError(f"rearranged is {rearranged}: it is a share of the furniture, from 0 to 1")
        plan = draw_twin_plan(seed) if twin_room else draw_floor_plan(seed)
        scene = Scene()
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
        """min_x, min_y, max_x, max_y of the floor in metres."""
        return 0.0, 0.0, self.plan.width, self.plan.height
