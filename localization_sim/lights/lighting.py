"""Descriptions of light: which lamps burn, where the sun stands, and how the camera responds."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError


@dataclass(frozen=True)
class CameraSettings:
    """Response of the camera.

    Attributes:
        stops: exposure relative to the standard light, in factors of two; the aim of an automatic exposure, too.
        automatic: the exposure follows the brightness of the last images.
        temperature: white balance: stops of red more, and of blue less, than neutral.
        gamma: factor of the exponent of the response; above 1 is darker in the middle.
        noise: standard deviation of the noise of a white pixel at the exposure of the standard light, 0..1.
        vignetting: loss of light in the corners, 0..1.
        glare: share of the light that the lens scatters across the picture.
        blur: share of the time between two images during which the shutter is open.
    """

    stops: float = 0.0
    automatic: bool = False
    temperature: float = 0.0
    gamma: float = 1.0
    noise: float = 0.0
    vignetting: float = 0.0
    glare: float = 0.0
    blur: float = 0.0

    @property
    def ideal(self) -> bool:
        """True if the camera shows the rendered images unchanged."""
        return self == CameraSettings()


@dataclass(frozen=True)
class Lighting:
    """Light in an apartment.

    Attributes:
        lamps: brightness of the lamp of each room, repeated over the rooms; 1 is the standard.
        warmth: colour of the lamps: stops of red more, and of blue less, than the standard.
        ambient: brightness of the light from everywhere; 1 is the standard.
        sky: colour of the ambient light: stops of blue more, and of red less, than the standard.
        sun: brightness of the sun through the windows; 0 is off. Its shadows move with its direction.
        azimuth: direction from which the sun shines, degrees from the x axis of the map.
        elevation: height of the sun over the horizon, degrees.
        camera: response of the camera.
    """

    lamps: tuple[float, ...] = (1.0,)
    warmth: float = 0.0
    ambient: float = 1.0
    sky: float = 0.0
    sun: float = 0.0
    azimuth: float = 0.0
    elevation: float = 35.0
    camera: CameraSettings = field(default_factory=CameraSettings)


#: The light of all recordings without another one.
STANDARD = "standard"
#: A random light for each drive.
RANDOM = "random"
#: Lights for tests. No training uses them.
TEST_LIGHTS: Mapping[str, Lighting] = {
    "evening": Lighting(
        lamps=(0.9, 0.0, 0.8), warmth=0.45, ambient=0.35, sky=-0.2,
        camera=CameraSettings(stops=-0.6, automatic=True, noise=0.02, vignetting=0.3),
    ),
    "one_lamp": Lighting(
        lamps=(0.0, 1.3, 0.0, 0.0, 0.6), warmth=0.25, ambient=0.4,
        camera=CameraSettings(automatic=True, noise=0.02),
    ),
    "morning_sun": Lighting(
        lamps=(0.0,), ambient=0.75, sky=0.1, sun=1.3, azimuth=20.0, elevation=22.0,
        camera=CameraSettings(automatic=True, temperature=0.15, noise=0.01, glare=0.06),
    ),
    "afternoon_sun": Lighting(
        lamps=(0.0,), ambient=0.7, sky=0.15, sun=1.5, azimuth=-110.0, elevation=38.0,
        camera=CameraSettings(automatic=True, noise=0.01, glare=0.1, vignetting=0.2),
    ),
    "overcast": Lighting(
        lamps=(0.0,), ambient=1.05, sky=0.4,
        camera=CameraSettings(stops=-0.4, noise=0.015, gamma=1.15),
    ),
    "cold_lamps": Lighting(
        lamps=(1.1, 0.7), warmth=-0.6, ambient=0.8,
        camera=CameraSettings(temperature=-0.2, noise=0.01, gamma=0.8),
    ),
    "dark": Lighting(
        lamps=(0.35,), warmth=0.2, ambient=0.3,
        camera=CameraSettings(stops=-1.2, noise=0.04, blur=0.25),
    ),
    "overexposed": Lighting(
        lamps=(1.0, 1.4), ambient=1.1, sun=0.6, azimuth=150.0, elevation=30.0,
        camera=CameraSettings(stops=1.0, glare=0.15, vignetting=0.35, temperature=0.3),
    ),
}  # fmt: skip
_RANDOM = re.compile(r"random_(\d+)")


def light_of_drive(light: str, drive: str) -> str:
    """Return the light of a drive: ``random`` gives each drive a light of its own, drawn from its name."""
    return f"random_{zlib.crc32(drive.encode())}" if light == RANDOM else light


def lighting_of(name: str) -> Lighting:
    """Return the light of a name: ``standard``, one of `TEST_LIGHTS`, or ``random_N``, drawn from the number N.

    Raises:
        ConfigError: there is no such light.
    """
    if name == STANDARD:
        return Lighting()
    if name in TEST_LIGHTS:
        return TEST_LIGHTS[name]
    if found := _RANDOM.fullmatch(name):
        return draw(np.random.default_rng([int(found[1]), 9]))
    names = ", ".join([STANDARD, *TEST_LIGHTS])
    raise ConfigError(f"light {name!r} is not known: choose one of {names}, or random_N with a number N")


def draw(random: np.random.Generator) -> Lighting:
    """Draw a light for training: lamps, daylight, or both."""
    daylight, lamplight = [(True, False), (False, True), (True, True)][int(random.integers(3))]
    lamps = tuple((random.uniform(0.3, 1.4, 5) * (random.random(5) < 0.8) * lamplight).round(3).tolist())
    light = Lighting(
        lamps=lamps,
        warmth=_between(random, -0.5, 0.5),
        ambient=_between(random, 0.5, 1.2) if daylight else _between(random, 0.3, 0.8),
        sky=_between(random, -0.2, 0.45),
        sun=_between(random, 0.4, 1.6) if daylight and random.random() < 0.7 else 0.0,
        azimuth=_between(random, -180.0, 180.0),
        elevation=_between(random, 15.0, 55.0),
    )
    camera = CameraSettings(
        stops=_between(random, -0.8, 0.6),
        automatic=bool(random.random() < 0.6),
        temperature=_between(random, -0.35, 0.35),
        gamma=_between(random, 0.8, 1.3),
        noise=_between(random, 0.0, 0.03),
        vignetting=_between(random, 0.0, 0.4),
        glare=_between(random, 0.0, 0.12),
        blur=_between(random, 0.0, 0.2),
    )
    return replace(light, camera=camera)


def _between(random: np.random.Generator, low: float, high: float) -> float:
    return round(float(random.uniform(low, high)), 3)


def colour_gains(warmth: float) -> npt.NDArray[np.float64]:
    """Factors (3,) of red, green and blue for stops of warmth."""
    return np.exp2(np.array([warmth, 0.0, -warmth]))
