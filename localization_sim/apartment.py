"""A furnished apartment, drawn from a seed: geometry, textures and classes."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from localization_sim import decoration, structure
from localization_sim.floor_plan import FloorPlan, draw_floor_plan
from localization_sim.free_space import FreeSpace
from localization_sim.furnishing import furnish
from localization_sim.scene import CLASS_NAMES, Scene

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
        class_names: names of the label ids.
    """

    seed: int
    plan: FloorPlan
    model: mujoco.MjModel
    geom_labels: npt.NDArray[np.uint8]
    space: FreeSpace
    class_names: tuple[str, ...] = CLASS_NAMES

    @classmethod
    def from_seed(cls, seed: int = 0, *, width: int = 640, height: int = 480) -> Apartment:
        """Draw an apartment; pictures of up to width x height pixels can be rendered of it."""
        plan = draw_floor_plan(seed)
        scene = Scene()
        random = np.random.default_rng([seed, 2])
        structure.build_shell(scene, plan, random)
        decoration.lay_rugs(scene, plan, random)
        furnishing = furnish(scene, plan, random)
        structure.build_doors(scene, plan, furnishing, random)
        decoration.hang_windows(scene, plan, random)
        decoration.hang_pictures(scene, plan, random)
        low, high = ROBOT_HEIGHTS
        skirting = 0.1
        obstacles = [f for f in scene.footprints if f.bottom < high and f.top > max(low, skirting)]
        model, labels = scene.compile((width, height))
        return cls(seed, plan, model, labels, FreeSpace(plan, obstacles))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """min_x, min_y, max_x, max_y of the floor in metres."""
        return 0.0, 0.0, self.plan.width, self.plan.height
