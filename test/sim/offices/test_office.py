"""Tests of office floors: area, connection, culling that changes no pixel, tours through every room."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.errors import ConfigError
from localization_common.geometry import planar
from localization_sim import drive
from localization_sim.apartments.furnishing import PASSAGE_RADIUS
from localization_sim.offices.office import Office
from localization_sim.offices.office_plan import draw_office_plan
from localization_sim.offices.sight import SHOWN
from localization_sim.offices.tours import plan_tour
from localization_sim.rendering import Renderer, mounted_camera, open_apartment

CAMERA = Camera.from_field_of_view(160, 120, 90.0)


@pytest.fixture(scope="module")
def office() -> Office:
    return Office.of_area(300.0, 0, width=CAMERA.width, height=CAMERA.height)


@pytest.mark.parametrize("area", [60.0, 300.0, 1200.0, 5000.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_floors_have_their_area_and_the_robot_reaches_every_room(area: float, seed: int) -> None:
    office = Office.of_area(area, seed, width=64, height=48, samples=0)
    assert office.plan.area == pytest.approx(area)
    assert office.space.connected(PASSAGE_RADIUS)
    assert {room for door in office.plan.doorways for room in door.rooms} == set(range(len(office.plan.rooms)))


def test_large_floors_have_many_offices_of_the_same_size_and_glass() -> None:
    plan = draw_office_plan(0, 1200.0)
    offices = [room.floor for room in plan.rooms if room.kind == "office"]
    assert len(offices) >= 25
    widths = [floor.max_x - floor.min_x for floor in offices]
    assert max(widths) - min(widths) < 0.5
    assert any(room.kind == "open area" for room in plan.rooms)
    assert len(plan.glass) >= 5


def test_a_floor_too_small_for_a_corridor_is_refused() -> None:
    with pytest.raises(ConfigError, match="no space"):
        draw_office_plan(0, 20.0)


def test_rooms_out_of_sight_change_no_pixel_and_most_are_not_drawn(office: Office) -> None:
    """Compare with the same frames with every geometry drawn."""
    random, drawn = np.random.default_rng(0), []
    places = np.argwhere(office.space.distance > 0.3)
    with Renderer(office, CAMERA) as renderer:
        for _ in range(25):
            row, column = places[random.integers(len(places))]
            pose = np.array([0.04 * column, 0.04 * row, random.uniform(-np.pi, np.pi)])
            renderer.look_from(planar.to_se3(pose) @ mounted_camera())
            culled = renderer.colour().copy()
            drawn.append(float((office.model.geom_group == SHOWN).mean()))
            office.model.geom_group[:] = SHOWN
            renderer._renderer.update_scene(renderer._data, camera=0)
            np.testing.assert_array_equal(culled, renderer.colour())
    assert np.mean(drawn) < 0.4


def test_a_tour_visits_every_room_and_touches_nothing(office: Office) -> None:
    tour = plan_tour(office, "test")
    rooms = {office.plan.room_at(float(x), float(y)) for x, y, _ in tour.poses[::25]}
    assert {room.index for room in rooms if room is not None} == set(range(len(office.plan.rooms)))
    assert office.space.clearance(tour.poses[:, :2]).min() >= 0.21


def test_equal_seeds_give_equal_frames_and_tours_and_others_do_not() -> None:
    frames = []
    for seed in (3, 3, 4):
        with open_apartment(seed, CAMERA, office=60.0) as renderer:
            planned = drive.plan(renderer, "test")
            sequence = drive.as_sequence(renderer, planned, labels=False)
            frames.append((planned.trajectory.poses, sequence.read_image(5), sequence.read_image(40)))
    for first, second in zip(frames[0], frames[1], strict=True):
        np.testing.assert_array_equal(first, second)
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(frames[0], frames[2], strict=True))


def test_an_office_cannot_be_rearranged() -> None:
    with pytest.raises(ConfigError, match="neither rearranged nor calm"):
        open_apartment(0, CAMERA, office=60.0, rearranged=0.2)
