"""What every kind of random world offers to the generator."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from localization_sim.textures import Random
from localization_sim.worlds.stage import Stage

#: Images (views, H, W, 3), poses (views, 3) in map units and visits (views,) of one world.
Drawn = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.uint8]]


class Domain(Protocol):
    """A frozen dataclass whose fields, together with the version, decide what a random stream becomes.

    Attributes:
        version: to be counted up when the same seed gives other pictures than before.
        metres_per_unit: scale of the map units, where there is one.
        panoramic: whether pictures show all directions.
    """

    version: ClassVar[int]
    metres_per_unit: ClassVar[float | None]
    panoramic: ClassVar[bool]

    @property
    def views(self) -> int:
        """Pictures of each world."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """Their height and width in pixels."""

    def open_stage(self) -> Stage:
        """What `draw` draws on; one for many worlds."""

    def draw(self, stage: Stage, random: Random) -> Drawn:
        """One world."""
