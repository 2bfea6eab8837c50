"""Random streets, similar to StreetLearn: panoramas in areas of 40 m x 40 m, from two visits months apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_common.geometry.planar import wrap_angle
from localization_sim.textures import Colour, Random
from localization_sim.worlds.domain import Drawn
from localization_sim.worlds.facades import SIDE
from localization_sim.worlds.panorama import PanoramaCamera
from localization_sim.worlds.stage import WorldStage
from localization_sim.worlds.street_plan import HALF_AREA, REACH, ROADWAY, House, StreetPlan, draw_plan
from localization_sim.worlds.street_visit import Visit
from localization_sim.worlds.surfaces import sky, surface

Array = npt.NDArray[np.float64]

#: Height of the camera on its car, and distance of the car to the right of the centre line, metres.
CAMERA_HEIGHT, LANE = 2.5, 2.0
_FRONTS, _OTHERS = 28, 3  # two of sky, one of road
_TILE = 10.0
_PAVEMENT: Colour = (0.62, 0.61, 0.6)


@dataclass(frozen=True)
class Streets:
    """Settings of random streets.

    Attributes:
        views_per_visit: number of panoramas of each of the two visits.
        height: height of a panorama, pixels; it is twice as wide.
    """

    version: ClassVar[int] = 1
    metres_per_unit: ClassVar[float | None] = HALF_AREA
    panoramic: ClassVar[bool] = True

    views_per_visit: int = 12
    height: int = 104

    def __post_init__(self) -> None:
        if self.views_per_visit < 1 or self.height < 16:
            raise ConfigError(f"streets need a view and 16 pixels: {self.views_per_visit} views, {self.height} pixels")

    @property
    def views(self) -> int:
        """Number of pictures of both visits."""
        return 2 * self.views_per_visit

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of a picture in pixels."""
        return self.height, 2 * self.height

    def open_stage(self) -> WorldStage:
        """Open the stage for `draw`."""
        view = PanoramaCamera(self.height, self.views_per_visit).view
        return WorldStage(view, textures=_FRONTS + _OTHERS, texture_size=SIDE, max_pieces=2000)

    def draw(self, stage: WorldStage, random: Random) -> Drawn:
        """Draw an area; return panoramas (views, height, 2 * height, 3), poses (views, 3) and visits (views,)."""
        plan, camera = draw_plan(random, fronts=_FRONTS), PanoramaCamera(self.height, self.views_per_visit)
        images, poses = [], []
        for _ in range(2):
            visit = Visit.draw(random)
            stage.begin()
            driven = draw_drive(random, plan, self.views_per_visit)
            build(stage, plan, visit, random)
            visit.populate(stage, plan, driven[:, :2], random)
            positions = np.column_stack([driven[:, :2], np.full(len(driven), CAMERA_HEIGHT)])
            images.append(visit.expose(camera.draw(stage, positions, driven[:, 2]), random))
            poses.append(driven / [HALF_AREA, HALF_AREA, 1.0])
        visits = np.repeat(np.array([0, 1], np.uint8), self.views_per_visit)
        return np.concatenate(images), np.concatenate(poses), visits


def draw_drive(random: Random, plan: StreetPlan, count: int) -> Array:
    """Draw poses (count, 3; metres) along the streets of the area, in the right lane of both directions."""
    chosen = np.empty((0, 3))
    while len(chosen) < count:
        street = plan.streets[int(random.integers(len(plan.streets)))]
        way = float(random.choice([-1.0, 1.0]))
        along = random.uniform(-1.5 * HALF_AREA, 1.5 * HALF_AREA, 4)
        place = street.place(along, way * -(LANE + random.normal(0.0, 0.3, 4)))
        heading = street.heading + (0.0 if way > 0 else np.pi) + random.normal(0.0, 0.03, 4)
        poses = np.column_stack([place, wrap_angle(heading)])
        chosen = np.concatenate([chosen, poses[np.abs(place).max(axis=1) < HALF_AREA]])
    return chosen[:count]


def build(stage: WorldStage, plan: StreetPlan, visit: Visit, random: Random) -> None:
    """Build everything except cars and people, which need the positions of the cameras."""
    visit.shine(stage, random)
    _build_sky(stage, visit, random)
    _build_ground(stage, plan, random)
    fronts = [stage.texture(picture) for picture in plan.fronts]
    for house in plan.houses:
        _build_house(stage, house, fronts[house.front])
    for x, y, height in plan.trees:
        stage.solid("cylinder", (x, y, height / 4), (0.16, 0.16, height / 4), 0.0, (0.3, 0.22, 0.15))
        if visit.leaves is not None:
            crown = (0.22 * height, 0.22 * height, 0.28 * height)
            stage.solid("ellipsoid", (x, y, 0.72 * height), crown, 0.0, visit.leaves)


def _build_house(stage: WorldStage, house: House, front: int) -> None:
    """Build a box with the picture of the front on its front and sides."""
    out = np.array([np.cos(house.heading), np.sin(house.heading)])
    left, depth, height = np.array([-out[1], out[0]]), house.depth, house.height / 2
    middle = np.array([house.x, house.y]) - out * depth / 2
    half = (depth / 2 - 0.05, house.width / 2 - 0.05, height)
    stage.solid("box", (float(middle[0]), float(middle[1]), height), half, house.heading, house.wall)
    for normal, reach, width in (
        (out, depth / 2, house.width),
        (left, house.width / 2, depth),
        (-left, house.width / 2, depth),
    ):
        x, y = middle + normal * reach
        size = (width, house.height)
        stage.panel((float(x), float(y), height), (float(normal[0]), float(normal[1]), 0.0), size, front)


def _build_sky(stage: WorldStage, visit: Visit, random: Random) -> None:
    zenith, horizon = visit.sky
    sides = sky(random, zenith, horizon, clouds=0.25).repeat(2, axis=0).repeat(2, axis=1)
    around, above = stage.texture(sides), stage.texture(np.broadcast_to(sides[:1], sides.shape))
    distance = 2.2 * REACH
    for x, y in ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)):
        size = (2 * distance, distance)
        stage.panel((x * distance, y * distance, distance / 2), (-x, -y, 0.0), size, around, glow=1.0)
    stage.panel((0.0, 0.0, distance), (0.0, 0.0, -1.0), (2 * distance, 2 * distance), above, glow=1.0)


def _build_ground(stage: WorldStage, plan: StreetPlan, random: Random) -> None:
    """Build pavement everywhere, and roadways over it with a dashed line in the middle."""
    stage.panel((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (5 * REACH, 5 * REACH), None, _PAVEMENT)
    asphalt = surface(random, "plain", (0.3, 0.3, 0.31), (0.36, 0.36, 0.36), side=SIDE).copy()
    asphalt[SIDE // 2 - 1 : SIDE // 2 + 1, : SIDE // 3] = 220
    road = stage.texture(asphalt)
    for number, street in enumerate(plan.streets):
        height = 0.04 + 0.02 * number
        for along in np.arange(-1.5 * REACH, 1.5 * REACH, _TILE):
            x, y = street.place(float(along) + _TILE / 2, 0.0)
            centre = (float(x), float(y), height)
            stage.panel(centre, (0.0, 0.0, 1.0), (_TILE, 2 * ROADWAY), road, turn=street.heading)
