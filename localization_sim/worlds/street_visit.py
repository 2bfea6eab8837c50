"""Visit of a street on one day: light, weather, season, cars and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_sim.textures import Colour, Random, colour
from localization_sim.worlds.stage import WorldStage
from localization_sim.worlds.street_plan import REACH, ROADWAY, Street, StreetPlan

Array = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]

_WEATHER = ("clear", "overcast", "evening", "fog")
_LEAVES: dict[str, Colour | None] = {
    "summer": (0.25, 0.5, 0.2),
    "spring": (0.5, 0.65, 0.3),
    "autumn": (0.75, 0.45, 0.15),
    "winter": None,
}
#: Colours of zenith and horizon, and light: ambient, diffuse and its tint.
_SKIES: dict[str, tuple[Colour, Colour, float, float, Colour]] = {
    "clear": ((0.3, 0.5, 0.9), (0.75, 0.85, 0.95), 0.5, 0.6, (1.0, 0.98, 0.92)),
    "overcast": ((0.7, 0.72, 0.75), (0.85, 0.86, 0.87), 0.75, 0.15, (0.95, 0.97, 1.0)),
    "evening": ((0.3, 0.35, 0.6), (0.95, 0.7, 0.45), 0.4, 0.5, (1.0, 0.82, 0.62)),
    "fog": ((0.8, 0.8, 0.82), (0.8, 0.8, 0.82), 0.8, 0.1, (0.97, 0.98, 1.0)),
}


@dataclass(frozen=True)
class Visit:
    """Conditions of one day in a street.

    Attributes:
        weather: clear, overcast, evening or fog.
        season: season, which defines the leaves of the trees.
        traffic: cars for each 10 m of kerb, and people for each 10 m of pavement.
    """

    weather: str
    season: str
    traffic: tuple[float, float]

    @classmethod
    def draw(cls, random: Random) -> Visit:
        """Draw the conditions of a random day."""
        weather = _WEATHER[int(random.choice(len(_WEATHER), p=[0.4, 0.3, 0.2, 0.1]))]
        season = list(_LEAVES)[int(random.integers(len(_LEAVES)))]
        return cls(weather, season, (float(random.uniform(0.1, 0.9)), float(random.uniform(0.0, 0.8))))

    @property
    def sky(self) -> tuple[Colour, Colour]:
        """Colours of zenith and horizon."""
        return _SKIES[self.weather][:2]

    @property
    def leaves(self) -> Colour | None:
        """Colour of the trees; None if they have no leaves."""
        return _LEAVES[self.season]

    def shine(self, stage: WorldStage, random: Random) -> None:
        """Set light and fog of the stage."""
        _, horizon, ambient, diffuse, tint = _SKIES[self.weather]
        azimuth = random.uniform(-np.pi, np.pi)
        steepness = 0.4 if self.weather == "evening" else random.uniform(0.8, 2.0)
        stage.light((np.cos(azimuth), np.sin(azimuth), -steepness), ambient=ambient, diffuse=diffuse, tint=tint)
        if self.weather == "fog":
            stage.fog((5.0, float(random.uniform(50.0, 90.0))), horizon)

    def populate(self, stage: WorldStage, plan: StreetPlan, cameras: Array, random: Random) -> None:
        """Add cars at the kerbs and on the road, and people on the pavements, away from cameras (N, 2; metres)."""
        for street in plan.streets:
            for side in (-1.0, 1.0):
                for along in _places(random, self.traffic[0]):
                    aside = side * (ROADWAY - 0.95 if random.random() < 0.8 else 1.9)
                    distance = np.hypot(*(street.place(along, aside) - cameras).T).min()
                    if distance > (1.3 if abs(aside) > 2.0 else 6.0):
                        _car(stage, random, street, along, aside)
                for along in _places(random, self.traffic[1]):
                    _person(stage, random, street, along, side * (ROADWAY + float(random.uniform(0.5, 2.6))))

    def expose(self, images: Images, random: Random) -> Images:
        """Apply white balance, exposure, contrast and noise of the camera of this day."""
        gain = random.uniform(0.85, 1.15) * random.uniform(0.94, 1.06, 3)
        gamma = random.uniform(0.8, 1.25)
        values = (np.arange(256) / 255.0) ** gamma
        table = np.clip(values[:, None] * gain, 0.0, 1.0)
        grain = random.normal(0.0, 2.5, images.shape).astype(np.float32)
        exposed = np.stack([(255.0 * table[:, c])[images[..., c]] for c in range(3)], axis=-1)
        return np.clip(exposed + grain + 0.5, 0, 255).astype(np.uint8)


def _places(random: Random, density: float) -> list[float]:
    """Draw positions along a street, metres; at least 5 m apart."""
    slots = np.arange(-REACH * 0.8, REACH * 0.8, 6.0)
    taken = slots[random.random(len(slots)) < density * 0.6]
    return [float(slot + random.uniform(-0.5, 0.5)) for slot in taken]


def _car(stage: WorldStage, random: Random, street: Street, along: float, aside: float) -> None:
    paint = colour(float(random.random()), float(random.choice([0.05, 0.8])), float(random.uniform(0.1, 0.95)))
    x, y = street.place(along, aside)
    length, roof = float(random.uniform(1.9, 2.5)), float(random.choice([1.4, 1.5, 2.1], p=[0.45, 0.45, 0.1]))
    body, cabin = (length, 0.85, 0.38), (0.55 * length, 0.72, (roof - 0.9) / 2)
    stage.solid("box", (float(x), float(y), 0.55), body, street.heading, paint)
    stage.solid("box", (float(x), float(y), 0.9 + cabin[2]), cabin, street.heading, (0.2, 0.22, 0.25))
    stage.solid("box", (float(x), float(y), roof), (0.5 * length, 0.7, 0.04), street.heading, paint)


def _person(stage: WorldStage, random: Random, street: Street, along: float, aside: float) -> None:
    coat = colour(float(random.random()), float(random.uniform(0.1, 0.9)), float(random.uniform(0.1, 0.9)))
    x, y = street.place(along, aside)
    stage.solid("capsule", (float(x), float(y), 0.8), (0.25, 0.25, 0.5), 0.0, coat)
    stage.solid("sphere", (float(x), float(y), 1.6), (0.14, 0.14, 0.14), 0.0, (0.75, 0.55, 0.45))
