"""Type for data of many small worlds with a few posed views each, from which dmn learns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError

Images = npt.NDArray[np.uint8]
Poses = npt.NDArray[np.float32]

#: Coordinates may exceed 1 by this much, for rounding.
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class WorldSet:
    """Worlds with equal numbers of views. The frames of two worlds are unrelated.

    Attributes:
        name: name of the data, for messages and tables.
        images: (worlds, views, H, W, 3) uint8 RGB.
        poses: (worlds, views, 3) float32: x, y in map units, in which the environment spans -1..1, and yaw in radians,
            counter-clockwise from x; for a panorama, the heading of its middle column.
        visits: (worlds, views) uint8: views of one world with different numbers were taken on different occasions,
            under other conditions; maps are made of one visit and evaluated on another. All 0 if there was only one.
        metres_per_unit: scale of the map units, where the data has one.
        panoramic: True if the images show all directions (equirectangular), so that left and right border meet.
    """

    name: str
    images: Images
    poses: Poses
    visits: npt.NDArray[np.uint8]
    metres_per_unit: float | None = None
    panoramic: bool = False

    def __post_init__(self) -> None:
        if self.images.ndim != 5 or self.images.shape[-1] != 3 or self.images.dtype != np.uint8:
            raise DatasetError(f"{self.name}: images {self.images.dtype} {self.images.shape}; (W, V, H, W, 3) uint8")
        worlds_and_views = self.images.shape[:2]
        if 0 in self.images.shape:
            raise DatasetError(f"{self.name}: no worlds, or worlds without views: {self.images.shape}")
        if self.poses.shape != (*worlds_and_views, 3) or self.visits.shape != worlds_and_views:
            raise DatasetError(f"{self.name}: {worlds_and_views}, but poses {self.poses.shape}, {self.visits.shape}")
        reach = float(np.abs(self.poses[..., :2]).max())
        if not np.isfinite(self.poses).all() or reach > 1.0 + _TOLERANCE:
            raise DatasetError(
                f"{self.name}: coordinates must be finite and lie in -1..1; the largest is {reach}. Read the data with "
                "the scale of its environment"
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def views(self) -> int:
        """Number of views of each world."""
        return int(self.images.shape[1])

    def select(self, worlds: npt.NDArray[np.int64] | slice) -> WorldSet:
        """Select some of the worlds (positions or a slice).

        Raises:
            DatasetError: none is left.
        """
        return replace(self, images=self.images[worlds], poses=self.poses[worlds], visits=self.visits[worlds])
