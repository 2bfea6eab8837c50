"""Place of a piece of furniture, and solids in its own coordinates."""

from __future__ import annotations

from dataclasses import dataclass

from localization_sim.apartments.scene import ApartmentScene
from localization_sim.apartments.solid import Footprint

#: Directions in the order of quarter turns, anticlockwise.
_FORWARD = {"+x": (1, 0), "+y": (0, 1), "-x": (-1, 0), "-y": (0, -1)}


@dataclass(frozen=True)
class FurniturePlace:
    """Place of a piece: the middle of its back edge (x, y), metres, and the direction of its front."""

    x: float
    y: float
    facing: str

    @property
    def quarters(self) -> int:
        """Quarter turns, anticlockwise, from the direction ``"+x"``."""
        return list(_FORWARD).index(self.facing)

    @property
    def forward(self) -> tuple[int, int]:
        """Direction (x, y) of the front."""
        return _FORWARD[self.facing]

    def footprint(self, width: float, depth: float) -> Footprint:
        """Floor area of a piece of this width (along the wall) and depth (away from it)."""
        x, y = self.point(0.0, depth / 2)
        sx, sy = self._lengths(width, depth)
        return Footprint(x - sx / 2, y - sy / 2, x + sx / 2, y + sy / 2)

    def point(self, u: float, d: float) -> tuple[float, float]:
        """Map coordinates of a point u metres along the back edge and d metres in front of it."""
        fx, fy = _FORWARD[self.facing]
        return self.x - fy * u + fx * d, self.y + fx * u + fy * d

    def box(
        self,
        scene: ApartmentScene,
        label: str,
        material: str,
        u: tuple[float, float],
        d: tuple[float, float],
        z: tuple[float, float],
    ) -> None:
        """Add a box between two values each of u, d and z."""
        x, y = self.point((u[0] + u[1]) / 2, (d[0] + d[1]) / 2)
        sx, sy = self._lengths(u[1] - u[0], d[1] - d[0])
        scene.box(label, (x, y, (z[0] + z[1]) / 2), (sx, sy, z[1] - z[0]), material)

    def front(
        self, scene: ApartmentScene, label: str, material: str, u: tuple[float, float], d: float, z: tuple[float, float]
    ) -> None:
        """Add a panel that faces the room, between two values each of u and z."""
        x, y = self.point((u[0] + u[1]) / 2, d)
        scene.panel(label, self.facing, (x, y, (z[0] + z[1]) / 2), u[1] - u[0], z[1] - z[0], material)

    def _lengths(self, along: float, deep: float) -> tuple[float, float]:
        return (deep, along) if self.facing[1] == "x" else (along, deep)
