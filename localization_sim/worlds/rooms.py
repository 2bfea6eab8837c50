"""Random rooms, similar to ``rooms_free_camera_with_object_rotations`` of GQN: one to three objects, ten views.

Cameras are on a ring around the middle and look inward, as in GQN. Cameras of kind ``uniform`` have any position and
direction, so that many see only a part of a wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from localization_common.errors import ConfigError
from localization_common.geometry.planar import wrap_angle
from localization_sim.textures import Colour, Random
from localization_sim.worlds.domain import Drawn
from localization_sim.worlds.stage import Shape, WorldStage
from localization_sim.worlds.surfaces import random_colour, random_surface, sky
from localization_sim.worlds.view import StageView

Array = npt.NDArray[np.float64]

#: Distance of the walls from the middle, and their height; cameras are within -1..1.
WALL, WALL_HEIGHT = 1.15, 1.0
CAMERA_HEIGHT, PITCH = 0.38, -0.1
#: Radii of the ring of cameras: three in a hundred are so near to the middle that a guess of the middle is a success.
RING = (0.43, 1.0)
#: Largest distance from the middle to the point that a ring camera looks at.
AIM = 0.5
#: Smallest distance from a camera to an object.
CLEARANCE = 0.2
#: Share of the rooms with four equal walls.
ALIKE = 0.15
_SHAPES: tuple[Shape, ...] = ("box", "sphere", "cylinder", "capsule", "ellipsoid")


class _Thing(NamedTuple):
    shape: Shape
    x: float
    y: float
    half_size: tuple[float, float, float]
    yaw: float
    rgb: Colour

    @property
    def reach(self) -> float:
        """Radius of a circle on the floor that contains the thing."""
        return float(np.hypot(self.half_size[0], self.half_size[1])) if self.shape == "box" else max(self.half_size[:2])


@dataclass(frozen=True)
class Rooms:
    """Settings of random rooms.

    Attributes:
        views: number of pictures of each room.
        size: width and height of a picture, pixels.
        camera: placing of the cameras: ring: around the middle, looking inward; uniform: any position and direction.
    """

    version: ClassVar[int] = 1
    metres_per_unit: ClassVar[float | None] = None
    panoramic: ClassVar[bool] = False

    views: int = 10
    size: int = 32
    camera: Literal["ring", "uniform"] = "ring"

    def __post_init__(self) -> None:
        if self.views < 1 or self.size < 8:
            raise ConfigError(f"rooms need a view and 8 pixels at least, not {self.views} views of {self.size} pixels")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of a picture in pixels."""
        return self.size, self.size

    def open_stage(self) -> WorldStage:
        """Open the stage for `draw`."""
        return WorldStage(StageView(self.size, self.size, self.views, 60.0), textures=6, max_pieces=40)

    def draw(self, stage: WorldStage, random: Random) -> Drawn:
        """Draw a room; return pictures (views, size, size, 3), poses (views, 3) and visits (views,)."""
        stage.begin()
        _build_shell(stage, random)
        things = _draw_things(random)
        for thing in things:
            height = thing.half_size[2] + (thing.half_size[0] if thing.shape == "capsule" else 0.0)
            stage.solid(thing.shape, (thing.x, thing.y, height), thing.half_size, thing.yaw, thing.rgb)
        poses = _draw_cameras(random, things, self.views, self.camera)
        positions = np.column_stack([poses[:, :2], np.full(self.views, CAMERA_HEIGHT)])
        return stage.draw(positions, poses[:, 2], PITCH), poses, np.zeros(self.views, np.uint8)


def _build_shell(stage: WorldStage, random: Random) -> None:
    azimuth, steepness = random.uniform(-np.pi, np.pi), random.uniform(0.7, 2.0)
    ambient = float(random.uniform(0.45, 0.65))
    stage.light((np.cos(azimuth), np.sin(azimuth), -steepness), ambient=ambient, diffuse=1.0 - ambient)
    floor = stage.texture(random_surface(random, across=(1, 6), down=(1, 6)))
    stage.panel((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (2 * WALL, 2 * WALL), floor)
    alike = random.random() < ALIKE
    first = stage.texture(random_surface(random))
    for i, (x, y) in enumerate(((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))):
        paper = first if alike or i == 0 else stage.texture(random_surface(random))
        stage.panel((x * WALL, y * WALL, WALL_HEIGHT / 2), (-x, -y, 0.0), (2 * WALL, WALL_HEIGHT), paper)
    build_sky(stage, random, distance=8.0)


def build_sky(stage: WorldStage, random: Random, *, distance: float) -> None:
    """Build four walls of sky at a distance."""
    picture = stage.texture(sky(random, random_colour(random, (0.2, 0.6)), random_colour(random, (0.05, 0.25))))
    for x, y in ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)):
        size = (2 * distance, 2 * distance)
        stage.panel((x * distance, y * distance, distance * 0.9), (-x, -y, 0.0), size, picture, glow=1.0)


def _draw_things(random: Random) -> list[_Thing]:
    things: list[_Thing] = []
    count = int(random.integers(1, 4))
    while len(things) < count:
        x, y = (float(c) for c in random.uniform(-0.7, 0.7, 2))
        half = tuple(float(length) for length in random.uniform(0.08, 0.18, 3))
        shape = _SHAPES[int(random.integers(len(_SHAPES)))]
        size = (half[0],) * 3 if shape == "sphere" else (half[0], half[1], half[2])
        thing = _Thing(shape, x, y, size, float(random.uniform(-np.pi, np.pi)), random_colour(random, (0.5, 1.0)))
        if all(np.hypot(x - t.x, y - t.y) > thing.reach + t.reach + 0.03 for t in things):
            things.append(thing)
    return things


def _draw_cameras(random: Random, things: list[_Thing], count: int, camera: str) -> Array:
    """Draw poses (count, 3) with a distance to every object."""
    chosen = np.empty((0, 3))
    while len(chosen) < count:
        poses = _ring(random, 4 * count) if camera == "ring" else _anywhere(random, 4 * count)
        free = np.ones(len(poses), bool)
        for thing in things:
            free &= np.hypot(poses[:, 0] - thing.x, poses[:, 1] - thing.y) > thing.reach + CLEARANCE
        chosen = np.concatenate([chosen, poses[free]])
    return chosen[:count]


def _ring(random: Random, count: int) -> Array:
    radius, angle = random.uniform(*RING, count), random.uniform(-np.pi, np.pi, count)
    aim_radius, aim_angle = AIM * np.sqrt(random.random(count)), random.uniform(-np.pi, np.pi, count)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    yaw = np.arctan2(aim_radius * np.sin(aim_angle) - y, aim_radius * np.cos(aim_angle) - x)
    return np.stack([x, y, wrap_angle(yaw)], axis=1)


def _anywhere(random: Random, count: int) -> Array:
    return np.asarray(random.uniform([-1.0, -1.0, -np.pi], [1.0, 1.0, np.pi], (count, 3)))
