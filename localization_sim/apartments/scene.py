"""Scene under construction: textured solids and panels, each with a class, as MuJoCo XML."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import mujoco
import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_sim.apartments.solid import CLASS_NAMES, PANEL_AXES, Footprint, Solid, Vector
from localization_sim.textures import calmed

Image = npt.NDArray[np.uint8]

#: Names of the lamps, of the materials of their shades, and of the sun's light through windows, before a number.
LAMP, SHADE, SUN = "lamp", "shade", "sun"


@dataclass
class ApartmentScene:
    """Geometry in the map frame (x, y on the floor, z up, metres), collected before it is compiled.

    Attributes:
        calm: 0..1: 0 keeps the textures, 1 takes as much of their patterns and colours away as `material` allows.
        solids: boxes, panels and other shapes.
    """

    calm: float = 0.0
    solids: list[Solid] = field(default_factory=list)
    _assets: dict[str, bytes] = field(default_factory=dict)
    _declarations: list[str] = field(default_factory=list)
    _lights: list[str] = field(default_factory=list)

    @property
    def footprints(self) -> list[Footprint]:
        """Floor areas and heights of all solids except panels."""
        return [area for area in (solid.footprint for solid in self.solids) if area is not None]

    def material(
        self,
        image: Image | None = None,
        rgb: Vector = (1.0, 1.0, 1.0),
        *,
        wrap: str = "2d",
        tile_m: float | None = None,
        emission: float = 0.0,
        shine: float = 0.05,
        pattern: float = 1.0,
        opacity: float = 1.0,
        name: str = "",
    ) -> str:
        """Add a material and return its name.

        Args:
            image: (H, W, 3) texture, tinted by ``rgb``; None for a plain colour.
            rgb: colour, 0..1.
            wrap: ``"2d"`` for panels, ``"cube"`` (square images; on each side of a solid) for boxes.
            tile_m: period of the texture in metres (panels); None stretches it once over the panel.
            emission: light that it emits, 0..1.
            shine: specular reflection, 0..1.
            pattern: share, 0..1, of the texture's pattern that stays in a calm apartment.
            opacity: 0..1; glass has little.
            name: name of the material; by default a number.
        """
        name = name or f"m{len(self._declarations)}"
        attributes = f'name="{name}" rgba="{rgb[0]:.3f} {rgb[1]:.3f} {rgb[2]:.3f} {opacity:g}" emission="{emission}"'
        attributes += f' specular="{shine}" shininess="0.2" reflectance="0"'
        if image is not None:
            image = calmed(image, 1.0 - self.calm * (1.0 - pattern)) if self.calm > 0.0 else image
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
        """Add a rectangle, visible from the side of its normal (``"+x"`` ... ``"-z"``)."""
        shape = f'type="plane" size="{width / 2:.4f} {height / 2:.4f} 0.3"'
        self.solids.append(Solid(label, shape, centre, None, material, PANEL_AXES[normal]))

    def box(self, label: str, centre: Vector, size: Vector, material: str) -> None:
        """Add a box with edges along the axes; ``size`` has full lengths."""
        half = " ".join(f"{length / 2:.4f}" for length in size)
        self.solids.append(Solid(label, f'type="box" size="{half}"', centre, size, material))

    def cylinder(self, label: str, centre: Vector, radius: float, height: float, material: str) -> None:
        """Add an upright cylinder."""
        size = (2 * radius, 2 * radius, height)
        self.solids.append(
            Solid(label, f'type="cylinder" size="{radius:.4f} {height / 2:.4f}"', centre, size, material)
        )

    def ellipsoid(self, label: str, centre: Vector, size: Vector, material: str) -> None:
        """Add an ellipsoid with axes along the map's; ``size`` has full lengths."""
        half = " ".join(f"{length / 2:.4f}" for length in size)
        self.solids.append(Solid(label, f'type="ellipsoid" size="{half}"', centre, size, material))

    def light(self, name: str, position: Vector, brightness: float) -> None:
        """Add a lamp that shines in all directions, weaker with distance, without shadows: also through walls."""
        self._add_light(
            position,
            brightness,
            f'name="{name}" type="spot" attenuation="0.7 0.1 0.12" cutoff="180" exponent="0" range="20"',
        )

    def window_light(self, name: str, position: Vector, inward: Vector) -> None:
        """Add the sun through a window, with shadows. It is off; `room_light.set_light` turns it on."""
        towards = " ".join(f"{d:.3f}" for d in inward)
        place = " ".join(f"{p:.3f}" for p in position)
        self._lights.append(
            f'<light name="{name}" pos="{place}" dir="{towards}" type="spot" attenuation="1 0 0" cutoff="42" '
            'exponent="4" range="12" diffuse="0 0 0" specular="0 0 0" ambient="0 0 0" castshadow="true" '
            'active="false"/>'
        )

    def daylight(self, direction: Vector, brightness: float) -> None:
        """Add light in one direction, with the same brightness everywhere, without shadows."""
        towards = " ".join(f"{d:.3f}" for d in direction)
        self._add_light((0.0, 0.0, 0.0), brightness, f'type="directional" dir="{towards}"')

    def repeat(self, region: Footprint, shift: tuple[float, float]) -> None:
        """Add a copy, shifted in x and y (metres), of all solids whose middle is in a region."""
        self.solids += [solid.moved(*shift) for solid in self.solids if region.contains(*solid.centre[:2])]

    def compile(
        self, size: tuple[int, int], *, reach: float = 36.0, samples: int = 4
    ) -> tuple[mujoco.MjModel, npt.NDArray[np.uint8]]:
        """Compile the model.

        Args:
            size: width and height of the off-screen buffer.
            reach: distance, metres, beyond which nothing is drawn.
            samples: samples of a pixel; 0 draws faster, with jagged edges.

        Returns:
            The model, and the label of each geometry.
        """
        geoms = "".join(solid.xml(number) for number, solid in enumerate(self.solids))
        xml = (
            '<mujoco><compiler angle="radian"/>'
            f'<visual><global offwidth="{size[0]}" offheight="{size[1]}"/>'
            f'<quality offsamples="{samples}" shadowsize="1024"/>'
            '<headlight ambient="0.42 0.42 0.43" diffuse="0.15 0.15 0.15" specular="0 0 0"/>'
            f'<map znear="0.005" zfar="{reach / 6.0:g}"/></visual>'
            '<statistic extent="6" center="0 0 1"/>'
            f"<asset>{''.join(self._declarations)}</asset>"
            f'<worldbody><camera name="camera"/>{"".join(self._lights)}{geoms}</worldbody></mujoco>'
        )
        model = mujoco.MjModel.from_xml_string(xml, self._assets)
        return model, np.array([CLASS_NAMES.index(solid.label) for solid in self.solids], dtype=np.uint8)

    def _add_light(self, position: Vector, brightness: float, kind: str) -> None:
        colour = f"{brightness:.3f} {brightness * 0.97:.3f} {brightness * 0.91:.3f}"
        place = " ".join(f"{p:.3f}" for p in position)
        self._lights.append(
            f'<light pos="{place}" {kind} diffuse="{colour}" specular="0.1 0.1 0.1" ambient="0 0 0" '
            'castshadow="false"/>'
        )
