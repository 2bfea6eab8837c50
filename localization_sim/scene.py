"""A scene under construction: textured solids and panels, each with a class, as MuJoCo XML."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

import cv2
import mujoco
import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError

Image = npt.NDArray[np.uint8]
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

#: Axes (x, y) of a panel whose normal points this way; seen from the front, the texture stands upright.
_PANEL_AXES = {
    "+x": "0 1 0 0 0 1",
    "-x": "0 -1 0 0 0 1",
    "+y": "-1 0 0 0 0 1",
    "-y": "1 0 0 0 0 1",
    "+z": "1 0 0 0 1 0",
    "-z": "1 0 0 0 -1 0",
}


@dataclass(frozen=True)
class Footprint:
    """Axis-aligned rectangle on the floor, metres, and the heights between which something fills it."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float
    bottom: float = 0.0
    top: float = 0.0

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


@dataclass
class Scene:
    """Geometry in the map frame (x, y on the floor, z up, metres), collected before it is compiled."""

    footprints: list[Footprint] = field(default_factory=list)
    _assets: dict[str, bytes] = field(default_factory=dict)
    _declarations: list[str] = field(default_factory=list)
    _bodies: list[str] = field(default_factory=list)
    _labels: list[int] = field(default_factory=list)

    def material(
        self,
        image: Image | None = None,
        rgb: Vector = (1.0, 1.0, 1.0),
        *,
        wrap: str = "2d",
        tile_m: float | None = None,
        emission: float = 0.0,
        shine: float = 0.05,
    ) -> str:
        """Name of a new material.

        Args:
            image: (H, W, 3) texture, tinted by ``rgb``; None for a plain colour.
            rgb: colour, 0..1.
            wrap: ``"2d"`` for panels, ``"cube"`` (square images; on each side of a solid) for boxes.
            tile_m: repeat the texture every so many metres (panels); None stretches it once over the panel.
            emission: how much it glows by itself, 0..1.
            shine: specular reflection, 0..1.
        """
        name = f"m{len(self._declarations)}"
        attributes = f'name="{name}" rgba="{rgb[0]:.3f} {rgb[1]:.3f} {rgb[2]:.3f} 1" emission="{emission}"'
        attributes += f' specular="{shine}" shininess="0.2" reflectance="0"'
        if image is not None:
            done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            if not done:
                raise ConfigError(f"texture of shape {image.shape} cannot be stored as PNG")
            self._assets[f"{name}.png"] = data.tobytes()
            self._declarations.append(f'<texture name="t{name}" type="{wrap}" file="{name}.png"/>')
            attributes += f' texture="t{name}"'
            if tile_m is not None:
                attributes += f' texuniform="true" texrepeat="{1.0 / tile_m:.4f} {1.0 / tile_m:.4f}"'
        self._declarations.append(f"<material {attributes}/>")
        return name

    def panel(self, label: str, normal: str, centre: Vector, width: float, height: float, material: str) -> None:
        """Rectangle that is seen from where its normal (``"+x"`` ... ``"-z"``) points to."""
        size = f"{width / 2:.4f} {height / 2:.4f} 0.3"
        self._add(label, f'type="plane" size="{size}" xyaxes="{_PANEL_AXES[normal]}"', centre, material)

    def box(self, label: str, centre: Vector, size: Vector, material: str) -> None:
        """Box with edges along the axes; ``size`` holds full lengths."""
        half = " ".join(f"{length / 2:.4f}" for length in size)
        self._add(label, f'type="box" size="{half}"', centre, material)
        self._occupy(centre, size)

    def cylinder(self, label: str, centre: Vector, radius: float, height: float, material: str) -> None:
        """Upright cylinder."""
        self._add(label, f'type="cylinder" size="{radius:.4f} {height / 2:.4f}"', centre, material)
        self._occupy(centre, (2 * radius, 2 * radius, height))

    def ellipsoid(self, label: str, centre: Vector, size: Vector, material: str) -> None:
        """Ellipsoid with axes along the map's; ``size`` holds full lengths."""
        half = " ".join(f"{length / 2:.4f}" for length in size)
        self._add(label, f'type="ellipsoid" size="{half}"', centre, material)
        self._occupy(centre, size)

    def light(self, position: Vector, brightness: float) -> None:
        """Lamp that shines in all directions, weaker with distance, without shadows."""
        colour = f"{brightness:.3f} {brightness * 0.97:.3f} {brightness * 0.91:.3f}"
        place = " ".join(f"{p:.3f}" for p in position)
        self._bodies.append(
            f'<light pos="{place}" type="spot" diffuse="{colour}" specular="0.1 0.1 0.1" ambient="0 0 0" '
            'attenuation="0.7 0.1 0.12" cutoff="180" exponent="0" range="20" castshadow="false"/>'
        )

    def compile(self, size: tuple[int, int]) -> tuple[mujoco.MjModel, npt.NDArray[np.uint8]]:
        """The model with an off-screen buffer of ``size`` (width, height), and the label id of each of its geoms."""
        xml = (
            '<mujoco><compiler angle="radian"/>'
            f'<visual><global offwidth="{size[0]}" offheight="{size[1]}"/><quality offsamples="4"/>'
            '<headlight ambient="0.42 0.42 0.43" diffuse="0.15 0.15 0.15" specular="0 0 0"/>'
            '<map znear="0.005" zfar="6"/></visual>'
            '<statistic extent="6" center="0 0 1"/>'
            f"<asset>{''.join(self._declarations)}</asset>"
            f'<worldbody><camera name="camera"/>{"".join(self._bodies)}</worldbody></mujoco>'
        )
        model = mujoco.MjModel.from_xml_string(xml, self._assets)
        return model, np.array(self._labels, dtype=np.uint8)

    def _add(self, label: str, shape: str, centre: Vector, material: str) -> None:
        place = " ".join(f"{c:.4f}" for c in centre)
        name = quoteattr(f"{label}{len(self._labels)}")
        self._bodies.append(
            f'<geom name={name} {shape} pos="{place}" material="{material}" contype="0" conaffinity="0"/>'
        )
        self._labels.append(CLASS_NAMES.index(label))

    def _occupy(self, centre: Vector, size: Vector) -> None:
        (x, y, z), (sx, sy, sz) = centre, size
        self.footprints.append(Footprint(x - sx / 2, y - sy / 2, x + sx / 2, y + sy / 2, z - sz / 2, z + sz / 2))
