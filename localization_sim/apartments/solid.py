"""Textured solid or panel of a scene: pose, shape, material, and its motions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from xml.sax.saxutils import quoteattr

Vector = tuple[float, float, float]

#: Classes of the segmentation; the position in this list is the label id.
CLASS_NAMES = (
    "wall",
    "floor",
    "ceiling",
    "door",
    "window",
    "picture",
    "seat",
    "table",
    "cabinet",
    "rug",
    "decoration",
)


@dataclass(frozen=True)
class Footprint:
    """Axis-aligned rectangle on the floor, metres, with the heights of bottom and top of an object."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float
    bottom: float = 0.0
    top: float = 0.0

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the rectangle."""
        return (self.min_x + self.max_x) / 2, (self.min_y + self.max_y) / 2

    def grown(self, margin: float) -> Footprint:
        """Return the rectangle with a margin (metres) on every side."""
        return Footprint(
            self.min_x - margin, self.min_y - margin, self.max_x + margin, self.max_y + margin, self.bottom, self.top
        )

    def overlaps(self, other: Footprint) -> bool:
        """Return True if the two rectangles share area, at any height."""
        return (
            self.min_x < other.max_x
            and other.min_x < self.max_x
            and self.min_y < other.max_y
            and other.min_y < self.max_y
        )

    def collides(self, other: Footprint) -> bool:
        """Return True if the two share area and heights."""
        return self.overlaps(other) and self.bottom < other.top and other.bottom < self.top

    def contains(self, x: float, y: float) -> bool:
        """Return True if a point is in the rectangle or on its edge."""
        return self.min_x <= x <= self.max_x and self.min_y <= y <= self.max_y


#: Axes (x, y) of a panel by its normal; seen from the front, the texture is upright.
PANEL_AXES: dict[str, tuple[Vector, Vector]] = {
    "+x": ((0, 1, 0), (0, 0, 1)),
    "-x": ((0, -1, 0), (0, 0, 1)),
    "+y": ((-1, 0, 0), (0, 0, 1)),
    "-y": ((1, 0, 0), (0, 0, 1)),
    "+z": ((1, 0, 0), (0, 1, 0)),
    "-z": ((1, 0, 0), (0, -1, 0)),
}


@dataclass(frozen=True)
class Solid:
    """Box, cylinder, ellipsoid or panel in the map frame, metres.

    Attributes:
        label: class, one of `CLASS_NAMES`.
        shape: MuJoCo's type and size, in the frame of the solid.
        centre: middle of the solid.
        size: full lengths along the axes of the map; None for a panel, which is flat.
        material: name of its material in the scene.
        axes: x and y axes of the solid in the map; None if they are those of the map.
    """

    label: str
    shape: str
    centre: Vector
    size: Vector | None
    material: str
    axes: tuple[Vector, Vector] | None = None

    @property
    def footprint(self) -> Footprint | None:
        """Floor area and heights; None for a panel."""
        if self.size is None:
            return None
        (x, y, z), (sx, sy, sz) = self.centre, self.size
        return Footprint(x - sx / 2, y - sy / 2, x + sx / 2, y + sy / 2, z - sz / 2, z + sz / 2)

    def moved(self, x: float, y: float) -> Solid:
        """Return the solid shifted by x and y, metres."""
        return replace(self, centre=(self.centre[0] + x, self.centre[1] + y, self.centre[2]))

    def turned(self, quarters: int, x: float, y: float) -> Solid:
        """Return the solid turned by quarters, anticlockwise, about the vertical axis through (x, y)."""
        solid = self
        for _ in range(quarters % 4):
            centre_x, centre_y, centre_z = solid.centre
            size = None if solid.size is None else (solid.size[1], solid.size[0], solid.size[2])
            first, second = solid.axes or PANEL_AXES["+z"]
            solid = replace(
                solid,
                centre=(x - (centre_y - y), y + (centre_x - x), centre_z),
                size=size,
                axes=((-first[1], first[0], first[2]), (-second[1], second[0], second[2])),
            )
        return solid

    def xml(self, number: int) -> str:
        """MuJoCo XML of the solid; its name is the label with a number."""
        place = " ".join(f"{c:.4f}" for c in self.centre)
        name = quoteattr(f"{self.label}{number}")
        turn = ""
        if self.axes is not None:
            turn = ' xyaxes="{}"'.format(" ".join(f"{c:g}" for axis in self.axes for c in axis))
        looks = f'material="{self.material}" contype="0" conaffinity="0"'
        return f'<geom name={name} {self.shape}{turn} pos="{place}" {looks}/>'
