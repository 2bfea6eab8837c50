"""One textured solid or panel of a scene: where it is, what it shows, how it is turned and moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from xml.sax.saxutils import quoteattr

Vector = tuple[float, float, float]

#: What the segmentation tells apart; the position in this list is the label id.
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
    """Axis-aligned rectangle on the floor, metres, and the heights between which something fills it."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float
    bottom: float = 0.0
    top: float = 0.0

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return (self.min_x + self.max_x) / 2, (self.min_y + self.max_y) / 2

    def grown(self, margin: float) -> Footprint:
        """The rectangle with a margin (metres) on every side."""
        return Footprint(
            self.min_x - margin, self.min_y - margin, self.max_x + margin, self.max_y + margin, self.bottom, self.top
        )

    def overlaps(self, other: Footprint) -> bool:
        """Whether the two rectangles share area, whatever their heights."""
        return (
            self.min_x < other.max_x
            and other.min_x < self.max_x
            and self.min_y < other.max_y
            and other.min_y < self.max_y
        )

    def collides(self, other: Footprint) -> bool:
        """Whether the two share space: area and heights."""
        return self.overlaps(other) and self.bottom < other.top and other.bottom < self.top

    def contains(self, x: float, y: float) -> bool:
        """Whether a place lies in the rectangle or on its edge."""
        return self.min_x <= x <= self.max_x and self.min_y <= y <= self.max_y


#: Axes (x, y) of a panel whose normal points this way; seen from the front, the texture stands upright.
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
    """A box, cylinder, ellipsoid or panel in the map frame, metres.

    Attributes:
        label: its class, one of `CLASS_NAMES`.
        shape: MuJoCo's type and size, in the solid's own frame.
        centre: its middle.
        size: full lengths along the map's axes; None for a panel, which is flat.
        material: name in the scene.
        axes: its x and y axes in the map; None where they are the map's.
    """

    label: str
    shape: str
    centre: Vector
    size: Vector | None
    material: str
    axes: tuple[Vector, Vector] | None = None

    @property
    def footprint(self) -> Footprint | None:
        """Floor area and heights that it fills; None for a panel."""
        if self.size is None:
            return None
        (x, y, z), (sx, sy, sz) = self.centre, self.size
        return Footprint(x - sx / 2, y - sy / 2, x + sx / 2, y + sy / 2, z - sz / 2, z + sz / 2)

    def moved(self, x: float, y: float) -> Solid:
        """Shifted on the floor by so many metres."""
        return replace(self, centre=(self.centre[0] + x, self.centre[1] + y, self.centre[2]))

    def turned(self, quarters: int, x: float, y: float) -> Solid:
        """Turned about the upright axis through (x, y), anticlockwise, with its texture."""
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
        """MuJoCo's description, under a name made of the label and a number."""
        place = " ".join(f"{c:.4f}" for c in self.centre)
        name = quoteattr(f"{self.label}{number}")
        turn = ""
        if self.axes is not None:
            turn = ' xyaxes="{}"'.format(" ".join(f"{c:g}" for axis in self.axes for c in axis))
        looks = f'material="{self.material}" contype="0" conaffinity="0"'
        return f'<geom name={name} {self.shape}{turn} pos="{place}" {looks}/>'
