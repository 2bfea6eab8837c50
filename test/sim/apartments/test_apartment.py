"""Tests of apartments: reproducible, different from seed to seed, and passable."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.floor_plan import DOOR_WIDTH, draw_floor_plan
from localization_sim.apartments.furnishing import PASSAGE_RADIUS
from localization_sim.apartments.solid import CLASS_NAMES


def test_same_seed_gives_the_same_apartment(apartment: Apartment) -> None:
    again = Apartment.from_seed(0)
    for name in ("geom_pos", "geom_size", "geom_quat", "mat_rgba", "tex_data"):
        np.testing.assert_array_equal(getattr(again.model, name), getattr(apartment.model, name), err_msg=name)
    np.testing.assert_array_equal(again.geom_labels, apartment.geom_labels)


def test_other_seeds_give_other_rooms_and_textures(apartment: Apartment) -> None:
    other = Apartment.from_seed(1)
    assert other.plan != apartment.plan
    size = min(apartment.model.tex_data.size, other.model.tex_data.size)
    assert (apartment.model.tex_data[:size] != other.model.tex_data[:size]).mean() > 0.5


@pytest.mark.parametrize("seed", range(12))
def test_floor_plan_has_rooms_that_do_not_overlap_and_a_ring_of_doorways(seed: int) -> None:
    plan = draw_floor_plan(seed)
    assert 4 <= len(plan.rooms) <= 5
    assert 55.0 < plan.width * plan.height < 75.0
    for room in plan.rooms:
        assert room.floor.max_x - room.floor.min_x > 2.4
        assert room.floor.max_y - room.floor.min_y > 2.8
        assert not any(room.floor.overlaps(other.floor) for other in plan.rooms if other is not room)
    # In a ring every room has two doorways at least, and there are as many doorways as rooms.
    assert len(plan.doorways) == len(plan.rooms)
    for room in plan.rooms:
        assert sum(room.index in door.rooms for door in plan.doorways) == 2


def test_doorways_lie_on_the_walls_between_their_rooms(apartment: Apartment) -> None:
    for door in apartment.plan.doorways:
        step = np.array([0.2, 0.0]) if door.along == "y" else np.array([0.0, 0.2])
        sides = [apartment.plan.room_at(*(np.array([door.x, door.y]) + sign * step)) for sign in (-1, 1)]
        assert {side.index for side in sides if side is not None} == set(door.rooms)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_robot_gets_through_every_doorway(seed: int) -> None:
    space = Apartment.from_seed(seed).space
    assert space.connected(PASSAGE_RADIUS)
    assert not space.connected(DOOR_WIDTH)  # wider than any doorway


def test_walls_stop_rays_everywhere(apartment: Apartment) -> None:
    """Cast rays with MuJoCo, without the floor plan: no ray from the middle of a room ends outside."""
    data = mujoco.MjData(apartment.model)
    mujoco.mj_forward(apartment.model, data)
    hit = np.zeros(1, dtype=np.int32)
    for room in apartment.plan.rooms:
        for angle in np.linspace(0, 2 * np.pi, 32, endpoint=False):
            start = np.array([*room.centre, 1.9])
            direction = np.array([np.cos(angle), np.sin(angle), 0.0])
            distance = mujoco.mj_ray(apartment.model, data, start, direction, None, 1, -1, hit, None)
            end = start + distance * direction
            assert distance > 0
            assert -0.1 < end[0] < apartment.plan.width + 0.1
            assert -0.1 < end[1] < apartment.plan.height + 0.1


def test_every_class_has_geometry(apartment: Apartment) -> None:
    assert set(apartment.geom_labels.tolist()) == set(range(len(CLASS_NAMES)))
    assert apartment.class_names == CLASS_NAMES
