"""Interface of the kinds of random worlds for the generator."""

from __future__ import annotations

from dataclasses import Field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from localization_sim.textures import Random
from localization_sim.worlds.stage import WorldStage

#: Images (views, H, W, 3), poses (views, 3) in map units and visits (views,) of one world.
Drawn = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float64], npt.NDArray[np.uint8]]


class Domain(Protocol):
    """Frozen dataclass whose fields and version define the world of a seed.

    Attributes:
        version: increased when the same seed gives other pictures than before.
        metres_per_unit: scale of the map units, or None.
        panoramic: True if pictures show all directions.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    version: ClassVar[int]
    metres_per_unit: ClassVar[float | None]
    panoramic: ClassVar[bool]

    @property
    def views(self) -> int:
        """Number of pictures of each world."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of a picture in pixels."""

    def open_stage(self) -> WorldStage:
        """Open the stage for `draw`; one stage serves many worlds."""

    def draw(self, stage: WorldStage, random: Random) -> Drawn:
        """Draw one world."""
