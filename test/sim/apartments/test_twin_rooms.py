"""Tests of twin rooms: both can be driven through, and their pictures are equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_camera import SMALL

from localization_common.datasets import open_sequence
from localization_common.errors import DatasetError
from localization_common.geometry import planar
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.changes import read_twin_rooms, write_changes
from localization_sim.apartments.drive_paths import plan_drive
from localization_sim.apartments.furnishing import PASSAGE_RADIUS
from localization_sim.apartments.solid import Footprint
from localization_sim.apartments.twin_plan import draw_twin_plan
from localization_sim.apartments.twin_rooms import TwinRooms
from localization_sim.commands.record import ApartmentRecording, record
from localization_sim.rendering import Renderer, mounted_camera


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    with Renderer(Apartment.from_seed(0, twin_room=True), SMALL) as opened:
        yield opened


@pytest.mark.parametrize("seed", range(8))
def test_plan_contains_a_room_twice_with_equal_doorways(seed: int) -> None:
    plan = draw_twin_plan(seed)
    assert plan == draw_twin_plan(seed)
    assert plan.twins is not None
    assert plan.twin_rooms is not None
    first, second = (plan.rooms[i] for i in plan.twins)
    shift = np.array(plan.twin_rooms.shift)
    assert np.linalg.norm(shift) > 5.0
    assert first.kind == second.kind
    np.testing.assert_allclose(np.array(first.floor.centre) + shift, second.floor.centre)
    assert first.floor.max_y - first.floor.min_y == second.floor.max_y - second.floor.min_y
    # Only this side of both is outdoors.
    assert [wall.facing for wall in plan.walls if wall.room == first.index and wall.outer] == ["-y"]
    doors = [[(d.x, d.y) for d in plan.doorways if room.index in d.rooms] for room in (first, second)]
    assert len(doors[0]) == 1
    np.testing.assert_allclose(np.array(doors[0]) + shift, doors[1])
    for room in plan.rooms:
        assert not any(room.floor.overlaps(other.floor) for other in plan.rooms if other is not room)
    for door in plan.doorways:
        step = np.array([0.2, 0.0]) if door.along == "y" else np.array([0.0, 0.2])
        sides = [plan.room_at(*(np.array([door.x, door.y]) + sign * step)) for sign in (-1, 1)]
        assert {side.index for side in sides if side is not None} == set(door.rooms)


def test_pictures_of_the_twins_are_alike_and_of_other_rooms_not(renderer: Renderer) -> None:
    plan = renderer.apartment.plan
    twins = plan.twin_rooms
    assert twins is not None
    x, y = twins.first.centre
    # The doorway, through which other rooms show, is in the wall at the back.
    poses = planar.to_se3(np.array([[x + dx, y + 0.5, h] for dx in (-0.3, 0.3) for h in (0.8, 1.6, 2.4)]))
    doubles, has_double = twins.doubles(poses)
    assert has_double.all()
    elsewhere = poses.copy()
    elsewhere[:, :2, 3] += np.array(plan.rooms[3].floor.centre) - (x, y)
    for pose, double, other in zip(poses, doubles, elsewhere, strict=True):
        images, depths, labels = [], [], []
        for place in (pose, double, other):
            renderer.look_from(place @ mounted_camera(height=1.2))
            images.append(renderer.colour().astype(int))
            depths.append(renderer.depth())
            labels.append(renderer.labels())
        # Edges and textures are sampled at coordinates with other rounding.
        assert (np.abs(images[0] - images[1]).max(2) > 4).mean() < 0.01
        assert (np.abs(depths[0] - depths[1]) > 0.01).mean() < 0.005
        assert (labels[0] != labels[1]).mean() < 0.005
        assert (np.abs(images[0] - images[2]).max(2) > 4).mean() > 0.5


def test_the_robot_gets_into_both(renderer: Renderer) -> None:
    apartment = renderer.apartment
    assert apartment.space.connected(PASSAGE_RADIUS)
    twins = apartment.plan.twin_rooms
    assert twins is not None
    xs, ys = np.meshgrid(np.linspace(-1.5, 1.5, 31), np.linspace(-1.5, 1.5, 31))
    offsets = np.stack([xs.ravel(), ys.ravel()], axis=1)
    clearances = [apartment.space.clearance(offsets + room.centre) for room in (twins.first, twins.second)]
    np.testing.assert_allclose(*clearances, atol=0.09)  # the cells of the grid have other positions
    assert (clearances[0] > 0.3).mean() > 0.2


def test_doubles_of_poses() -> None:
    twins = TwinRooms(Footprint(0.0, 4.0, 3.0, 7.0), Footprint(8.0, 4.0, 11.0, 7.0))
    poses = planar.to_se3(np.array([[1.0, 5.0, 0.3], [10.5, 6.5, -2.0], [5.0, 5.0, 1.0], [1.0, 3.0, 0.0]]))
    doubles, has_double = twins.doubles(poses)
    np.testing.assert_array_equal(has_double, [True, True, False, False])
    expected = [[9.0, 5.0, 0.3], [2.5, 6.5, -2.0], [5.0, 5.0, 1.0], [1.0, 3.0, 0.0]]
    np.testing.assert_allclose(planar.from_se3(doubles), expected)
    np.testing.assert_allclose(twins.second_T_first @ poses[0], doubles[0])
    np.testing.assert_array_equal(twins.doubles(doubles)[0], poses)


@pytest.mark.parametrize("name", ["train_00", "test"])
def test_every_drive_visits_both(renderer: Renderer, name: str) -> None:
    twins = renderer.apartment.plan.twin_rooms
    assert twins is not None
    poses = planar.to_se3(plan_drive(renderer.apartment, name).poses[::25])  # two a second
    _, has_double = twins.doubles(poses)
    in_first = poses[:, 0, 3] < twins.first.max_x
    for inside in (has_double & in_first, has_double & ~in_first):
        assert inside.sum() > 20


def test_recording_has_the_file_of_the_twins(tmp_path: Path, renderer: Renderer) -> None:
    record(ApartmentRecording(output=tmp_path, twin_room=True, train=0, val=False, width=32, height=24, rate=0.02))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["changes.json", "test"]
    twins = read_twin_rooms(tmp_path)
    assert twins == renderer.apartment.plan.twin_rooms
    stored = json.loads((tmp_path / "changes.json").read_text())
    np.testing.assert_array_equal(stored["twin_rooms"]["second_T_first"], twins.second_T_first)
    drive = plan_drive(renderer.apartment, "test")
    bag = open_sequence(tmp_path / "test")
    np.testing.assert_allclose(bag.map_T_base, planar.to_se3(drive.at(np.arange(len(bag)) * 50.0)), atol=1e-9)


def test_missing_twin_rooms_are_an_error(tmp_path: Path, apartment: Apartment) -> None:
    write_changes(apartment, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DatasetError, match="no twin rooms"):
        read_twin_rooms(tmp_path)


def test_every_doorway_has_its_frame_and_every_window_looks_outside(renderer: Renderer) -> None:
    apartment = renderer.apartment
    names = np.array(apartment.class_names)[apartment.geom_labels]
    doors, windows = (apartment.model.geom_pos[names == name, :2] for name in ("door", "window"))
    for door in apartment.plan.doorways:
        assert (np.linalg.norm(doors - (door.x, door.y), axis=1) < 0.55).sum() == 3
    size = (apartment.plan.width, apartment.plan.height)
    assert len(windows) > 10
    assert (np.minimum(windows, size - windows).min(1) < 0.25).all()
