"""Tests of drives: without collisions by an independent check, drivable, reproducible and different."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from localization_common.errors import ConfigError
from localization_sim.apartments.apartment import Apartment
from localization_sim.apartments.drive_paths import TIME_STEP, DriveSettings, Trajectory, plan_drive

NAMES = ("train_00", "train_01", "val", "test")


@pytest.fixture(scope="module")
def drives(apartment: Apartment) -> dict[str, Trajectory]:
    return {name: plan_drive(apartment, name) for name in NAMES}


def test_nothing_stands_nearer_than_the_clearance(apartment: Apartment, drives: dict[str, Trajectory]) -> None:
    """Cast rays with MuJoCo at the heights of base, camera and between, without the planner's grid."""
    data = mujoco.MjData(apartment.model)
    mujoco.mj_forward(apartment.model, data)
    hit = np.zeros(1, dtype=np.int32)
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    for name, drive in drives.items():
        for x, y, _ in drive.poses[:: int(0.5 / TIME_STEP)]:
            for height in (0.15, 0.3, 0.6):
                for angle in angles:
                    direction = np.array([np.cos(angle), np.sin(angle), 0.0])
                    place = np.array([x, y, height])
                    distance = mujoco.mj_ray(apartment.model, data, place, direction, None, 1, -1, hit, None)
                    assert distance > 0.21, (name, x, y, height)


def test_grid_agrees_with_rays(apartment: Apartment, drives: dict[str, Trajectory]) -> None:
    for drive in drives.values():
        assert apartment.space.clearance(drive.poses[:, :2]).min() >= 0.21


def test_motion_is_that_of_a_differential_drive(drives: dict[str, Trajectory]) -> None:
    settings = DriveSettings()
    for drive in drives.values():
        step = np.diff(drive.poses, axis=0)
        half = drive.poses[:-1, 2] + step[:, 2] / 2
        forward = step[:, 0] * np.cos(half) + step[:, 1] * np.sin(half)
        sideways = -step[:, 0] * np.sin(half) + step[:, 1] * np.cos(half)
        assert np.abs(sideways).max() < 3e-4
        assert forward.min() > -0.0005  # never backwards
        assert (forward / TIME_STEP).max() < settings.speed * 1.02
        assert np.abs(step[:, 2] / TIME_STEP).max() < settings.turn_rate * 1.02
        acceleration = np.diff(forward / TIME_STEP) / TIME_STEP
        assert np.percentile(np.abs(acceleration), 95) < settings.acceleration * 1.5


def test_loops_close_and_come_through_every_room(apartment: Apartment, drives: dict[str, Trajectory]) -> None:
    for name, drive in drives.items():
        assert np.linalg.norm(drive.poses[-1, :2] - drive.poses[0, :2]) < 0.05, name
        rooms = {apartment.plan.room_at(float(x), float(y)) for x, y, _ in drive.poses[::25]}
        assert {room.index for room in rooms if room is not None} == set(range(len(apartment.plan.rooms))), name


def test_held_out_loop_is_long_enough_and_elsewhere(drives: dict[str, Trajectory]) -> None:
    held_out = drives["test"]
    assert 60.0 <= held_out.duration <= 110.0
    for name in ("train_00", "train_01", "val"):
        other = drives[name].poses[::10, :2]
        nearest = [np.linalg.norm(other - place, axis=1).min() for place in held_out.poses[::10, :2]]
        assert np.mean(nearest) > 0.05, name  # nearby rooms and doors, but another path


def test_training_drives_look_around(drives: dict[str, Trajectory]) -> None:
    for name, turns in (("train_00", 1), ("test", 0)):
        step = np.diff(drives[name].poses, axis=0)
        on_the_spot = np.hypot(step[:, 0], step[:, 1]) < 1e-5
        # Bends are driven slowly, but only a turn to look around goes all the way round on the spot.
        longest = max((abs(step[part, 2].sum()) for part in _runs(on_the_spot)), default=0.0)
        assert round(longest / (2 * np.pi)) == turns, name


def _runs(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[slice]:
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False].astype(int)))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def test_same_name_gives_the_same_drive_and_others_another(apartment: Apartment, drives: dict[str, Trajectory]) -> None:
    again = plan_drive(apartment, "test")
    np.testing.assert_array_equal(again.poses, drives["test"].poses)
    starts = {tuple(drive.poses[0].round(3)) for drive in drives.values()}
    assert len(starts) == len(NAMES)


def test_other_apartments_have_their_own_drives(drives: dict[str, Trajectory]) -> None:
    other = plan_drive(Apartment.from_seed(2), "test")
    assert not np.allclose(other.poses[0], drives["test"].poses[0], atol=0.05)


def test_poses_between_samples_are_interpolated_and_ends_hold(drives: dict[str, Trajectory]) -> None:
    drive = drives["test"]
    between = drive.at(10.5 * TIME_STEP)
    np.testing.assert_allclose(between, (drive.poses[10] + drive.poses[11]) / 2, atol=1e-12)
    np.testing.assert_array_equal(drive.at(-1.0), drive.poses[0])
    np.testing.assert_array_equal(drive.at(1e6), drive.poses[-1])
    assert drive.at(np.zeros((3, 2))).shape == (3, 2, 3)


def test_a_robot_that_fits_nowhere_is_refused(apartment: Apartment) -> None:
    with pytest.raises(ConfigError, match="apartment 0"):
        plan_drive(apartment, "test", DriveSettings(clearance=0.6))
