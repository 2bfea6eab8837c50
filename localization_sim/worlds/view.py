"""Size and number of the pictures that a stage draws at once, and fog."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class StageView:
    """Pictures that a stage draws at once.

    Attributes:
        width, height: size of one picture, pixels.
        count: number of pictures in the off-screen buffer.
        field_of_view: vertical field of view, degrees.
        oversampling: number of drawn pixels for a pixel of the picture, across and down; they are averaged.
        near, far: clipping distances.
    """

    width: int = 32
    height: int = 32
    count: int = 10
    field_of_view: float = 60.0
    oversampling: int = 2
    near: float = 0.02
    far: float = 30.0

    @property
    def drawn_size(self) -> tuple[int, int]:
        """Width and height of a picture before it is averaged, pixels."""
        return self.width * self.oversampling, self.height * self.oversampling

    @property
    def half_height(self) -> float:
        """Half the height of the visible area at distance 1."""
        return float(np.tan(np.radians(self.field_of_view) / 2))


class Fog:
    """Fog over drawn pictures, from their depth.

    MuJoCo's own fog cannot change its colour and distances from world to world.

    Args:
        view: size of the drawn pictures.
        reach: distances at which the fog begins and hides everything.
        rgb: colour, 0..1.
    """

    def __init__(self, view: StageView, reach: tuple[float, float], rgb: tuple[float, float, float]) -> None:
        self._view, self._reach, self._rgb = view, reach, rgb
        across, down = (np.linspace(-1, 1, 2 * n + 1)[1::2] * view.half_height for n in view.drawn_size)
        # Distance along the ray of a pixel over depth along the optical axis, (drawn height, drawn width).
        self._slant = np.hypot(np.hypot(1.0, down)[:, None], across * view.width / view.height).astype(np.float32)

    def over(self, picture: Image, depth: npt.NDArray[np.float32]) -> Image:
        """Return a picture in fog.

        Args:
            picture: drawn pictures (H, W, 3) beside and above each other.
            depth: depth (H, W) of OpenGL, 0 at the near and 1 at the far plane.
        """
        width, height = self._view.drawn_size
        near, (begin, end) = self._view.near, self._reach
        ahead = near / (1.0 - depth * (1.0 - near / self._view.far))
        distance = ahead.reshape(-1, height, depth.shape[1] // width, width) * self._slant[:, None]
        weight = np.clip((distance - begin) / (end - begin), 0.0, 1.0).reshape(*depth.shape, 1)
        colour = 255.0 * np.array(self._rgb, np.float32)
        return np.asarray(picture + weight * (colour - picture) + 0.5, dtype=np.uint8)
