"""Tests of streets: directions in panoramas are right, and two visits show one place on two days."""

from __future__ import annotations

import numpy as np

from localization_common.datasets.world_difficulty import measure_difficulty
from localization_common.datasets.worlds import WorldSet
from localization_sim.worlds.drawing import DOMAINS, draw_worlds
from localization_sim.worlds.panorama import PanoramaCamera
from localization_sim.worlds.stage import WorldStage
from localization_sim.worlds.street import LANE, Streets, build, draw_drive
from localization_sim.worlds.street_plan import HALF_AREA, OFFSETS, PAIR_OFFSETS, STREET, House, draw_plan
from localization_sim.worlds.street_visit import Visit

HEIGHT = 104


def test_each_pixel_of_a_panorama_shows_its_direction() -> None:
    """Render small balls in random directions from two poses; rows are latitudes and columns longitudes."""
    random = np.random.default_rng(0)
    camera = PanoramaCamera(HEIGHT, count=2)
    centre, yaws = np.array([[1.0, 2.0, 3.0], [0.5, 2.5, 3.0]]), np.array([0.7, -2.9])
    with WorldStage(camera.view, textures=1) as stage:
        for direction in random.normal(size=(30, 3)):
            direction /= np.linalg.norm(direction)
            ball = centre.mean(axis=0) + 20.0 * direction
            stage.begin()
            stage.light((0.0, 0.0, -1.0), ambient=1.0, diffuse=0.0)
            stage.solid("sphere", tuple(ball), (1.0, 1.0, 1.0), 0.0, (1.0, 1.0, 1.0))
            images = camera.draw(stage, centre, yaws)[..., 0].astype(float)
            for image, position, yaw in zip(images, centre, yaws, strict=True):
                x, y, z = (ball - position) / np.linalg.norm(ball - position)
                rows, columns = np.mgrid[0:HEIGHT, 0 : 2 * HEIGHT] + 0.5
                latitude, longitude = np.pi * (0.5 - rows / HEIGHT), yaw + np.pi * (1.0 - columns / HEIGHT)
                weight = image * np.cos(latitude)  # area of a pixel on the sphere
                ray = [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
                mean = np.array([(weight * axis).sum() for axis in ray]) / weight.sum()
                angle = np.degrees(np.arccos(np.clip(mean @ [x, y, z] / np.linalg.norm(mean), -1.0, 1.0)))
                assert angle < 0.5  # a pixel is 1.7 degrees


def test_cars_drive_on_the_right_in_the_area() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        plan = draw_plan(random, fronts=3)
        poses = draw_drive(random, plan, 40)
        assert np.abs(poses[:, :2]).max() < HALF_AREA
        to_right = []
        for x, y, yaw in poses:
            left = np.array([-np.sin(yaw), np.cos(yaw)])
            beside = [float(left @ [x - s.x, y - s.y]) for s in plan.streets if abs(np.cos(yaw - s.heading)) > 0.7]
            to_right.append(-min(beside, key=abs))  # of the nearest street in this direction
        assert np.median(to_right) == np.clip(np.median(to_right), LANE - 0.4, LANE + 0.4)
        for street in plan.streets:
            assert OFFSETS[0] <= np.hypot(street.x, street.y) <= max(OFFSETS[1], PAIR_OFFSETS[1])


def test_houses_leave_the_streets_free() -> None:
    """Check that no corner of a house is on a roadway or pavement, and that fronts are free."""
    for seed in range(30):
        plan = draw_plan(np.random.default_rng(seed), fronts=1)
        assert 2 <= len(plan.streets) <= 4
        for house in plan.houses:
            out = np.array([np.cos(house.heading), np.sin(house.heading)])
            left = np.array([-out[1], out[0]])
            assert house.depth > 1.0
            middle = np.array([house.x, house.y]) - out * house.depth / 2
            for away in np.linspace(-0.5, 0.5, 5):
                for aside in np.linspace(-0.5, 0.5, 5):
                    point = middle + 0.99 * (away * house.depth * out + aside * house.width * left)
                    for street in plan.streets:
                        across = np.array([-np.sin(street.heading), np.cos(street.heading)])
                        assert abs(across @ (point - [street.x, street.y])) > STREET - 0.1
        for i, one in enumerate(plan.houses):
            for other in plan.houses[:i]:
                assert not _overlap(one, other)


def _overlap(one: House, other: House) -> bool:
    """Return True if two houses, at right angles or parallel, overlap."""
    out = np.array([np.cos(one.heading), np.sin(one.heading)])
    left = np.array([-out[1], out[0]])
    turn = other.heading - one.heading
    middles = [
        np.array([h.x, h.y]) - np.array([np.cos(h.heading), np.sin(h.heading)]) * h.depth / 2 for h in (one, other)
    ]
    offset = middles[1] - middles[0]
    extent = abs(np.cos(turn)) * np.array([other.depth, other.width]) + abs(np.sin(turn)) * np.array(
        [other.width, other.depth]
    )
    reach = (np.array([one.depth, one.width]) + extent) / 2 - 0.02
    return bool((np.abs([out @ offset, left @ offset]) < reach).all())


def test_areas_are_as_hard_as_the_papers() -> None:
    """Compare with the paper: 7.1 % without images. The nearest context helps more here, on a few lines."""
    poses = []
    for seed in range(200):
        random = np.random.default_rng(seed)
        poses.append(draw_drive(random, draw_plan(random, fronts=1), 24) / [HALF_AREA, HALF_AREA, 1.0])
    visits = np.repeat(np.array([[0, 1]], np.uint8), 12, axis=1).repeat(200, axis=0)
    worlds = WorldSet("street", np.zeros((200, 24, 1, 1, 3), np.uint8), np.float32(poses), visits)
    difficulty = measure_difficulty(worlds, queries=12)
    assert 0.04 < difficulty.uninformed < 0.1
    assert difficulty.best_constant < 0.3
    assert 0.3 < difficulty.closest_context < 0.6


def test_visits_show_one_place_on_two_days() -> None:
    """Check that another day looks different from the same poses, and another street much more."""
    domain = DOMAINS["street"]
    assert isinstance(domain, Streets)
    camera = PanoramaCamera(HEIGHT, domain.views_per_visit)

    def look(place: int, day: int, poses: np.ndarray) -> np.ndarray:
        plan = draw_plan(np.random.default_rng(place), fronts=20)
        random = np.random.default_rng(100 + day)
        visit = Visit("clear" if day == 0 else "overcast", "autumn" if day else "summer", (0.5, 0.5))
        stage.begin()
        build(stage, plan, visit, random)
        visit.populate(stage, plan, poses[:, :2], random)
        images = camera.draw(stage, np.column_stack([poses[:, :2], np.full(len(poses), 2.5)]), poses[:, 2])
        edges = np.diff(images.astype(float).mean(axis=-1), axis=1)
        return edges / np.linalg.norm(edges, axis=(1, 2), keepdims=True)

    with domain.open_stage() as stage:
        poses = draw_drive(np.random.default_rng(0), draw_plan(np.random.default_rng(1), fronts=20), 6)
        first, again, other = look(1, 0, poses), look(1, 1, poses), look(2, 0, poses)
    same, different = (first * again).sum(axis=(1, 2)), (first * other).sum(axis=(1, 2))
    assert same.mean() > 0.4
    assert same.mean() < 0.98
    assert same.mean() > different.mean() + 0.25


def test_areas_repeat_whatever_was_drawn_before() -> None:
    """Check that fog, light and textures of one area do not change the next one."""
    many, alone = draw_worlds("street", 7, "test", range(2, 4)), draw_worlds("street", 7, "test", range(3, 4))
    np.testing.assert_array_equal(many.images[1:], alone.images)
    np.testing.assert_array_equal(many.visits, [[0] * 12 + [1] * 12] * 2)
    assert many.images.shape == (2, 24, 104, 208, 3)
    assert (many.panoramic, many.metres_per_unit) == (True, 20.0)
    below = many.images[:, :, -20:].astype(float)
    assert below.std(axis=(2, 3)).max() < many.images.std(axis=(2, 3)).max()  # the road is plainer than the rest
    assert (many.images == 0).all(axis=-1).mean() < 0.01  # no hole in the sky


def test_exposure_keeps_colours_apart_and_order_of_brightness() -> None:
    ramp = np.zeros((3, 256, 50, 3), np.uint8)  # red, green, blue, each from dark to bright
    for channel in range(3):
        ramp[channel, ..., channel] = np.arange(256)[:, None]
    means = []
    for seed in range(5):
        exposed = (
            Visit("clear", "summer", (0.0, 0.0)).expose(ramp, np.random.default_rng(seed)).astype(float).mean(axis=2)
        )
        for channel in range(3):
            others = [c for c in range(3) if c != channel]
            assert exposed[channel][:, others].max() < 5.0  # noise only
            assert (np.diff(exposed[channel, ::32, channel]) > 0).all()
        means.append(exposed.mean())
    assert np.ptp(means) > 2.0  # no two days alike
