"""Floor, up and scale of maps with a known unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_mapping.floor import find_floor, up_direction
from localization_mapping.mapped_place import MappedDrive
from localization_mapping.scaling import from_camera_height, from_distance

Array = npt.NDArray[np.float64]

#: Metres in a unit of the maps of these tests.
UNIT = 0.37
#: Height of the robot's camera, metres.
HEIGHT = 0.42


def room(*, floor: int = 400, walls: int = 800, seed: int = 0) -> Array:
    """Points (N, 3) in metres of a floor, walls, and a table of 5 m x 4 m, with 5 mm of noise, and a few wrong ones."""
    rng = np.random.default_rng(seed)
    on_floor = np.column_stack([rng.uniform(0, 5, floor), rng.uniform(0, 4, floor), np.zeros(floor)])
    on_walls = np.column_stack([rng.choice([0.0, 5.0], walls), rng.uniform(0, 4, walls), rng.uniform(0, 2.4, walls)])
    table = np.column_stack([rng.uniform(2, 3, 100), rng.uniform(1, 2, 100), np.full(100, 0.7)])
    points = np.concatenate([on_floor, on_walls, table])
    wrong = rng.uniform([0, 0, -2], [5, 4, 0], (30, 3))
    return np.asarray(np.concatenate([points + rng.normal(0, 0.005, points.shape), wrong]))


def drive_poses(height: float = HEIGHT, *, wobble: float = 0.0) -> Array:
    """Poses (60, 4, 4) of a camera on a robot that drives through the room, level, in metres."""
    rng = np.random.default_rng(1)
    poses = np.tile(se3.BODY_T_OPTICAL, (60, 1, 1))
    poses[:, 0, 3], poses[:, 1, 3] = np.linspace(0.5, 4.5, 60), 2.0 + 0.5 * np.sin(np.linspace(0, 5, 60))
    poses[:, 2, 3] = height + wobble * rng.normal(size=60)
    return poses


def turned(points: Array, poses: Array, degrees: float = 20.0) -> tuple[Array, Array]:
    """Return points and poses in units of a map that leans."""
    angle = np.radians(degrees)
    map_T_room = np.eye(4)
    map_T_room[:3, :3] = [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    map_T_room[:3, 3] = [3.0, -1.0, 7.0]
    leaning = map_T_room @ poses
    leaning[:, :3, 3] /= UNIT
    return (points @ map_T_room[:3, :3].T + map_T_room[:3, 3]) / UNIT, leaning


def mapped_drive(poses: Array) -> MappedDrive:
    """Drive whose frames 0, 3, 6, ... have these poses of the camera."""
    count = len(poses)
    sequence = Sequence(
        name="kitchen",
        camera=Camera.from_field_of_view(64, 48, 80.0),
        frame_numbers=3 * np.arange(count),
        stamps=100_000_000 * np.arange(count),
        map_T_camera=np.full((count, 4, 4), np.nan),
        read_image=lambda _: np.zeros((48, 64, 3), dtype=np.uint8),
    )
    return MappedDrive(sequence, poses, np.full(count, 0.5), np.full(count, 100))


def test_height_of_the_camera_gives_the_scale() -> None:
    points, poses = turned(room(), drive_poses())
    found = from_camera_height(HEIGHT, points, poses, np.array([0.34, 0.0, 0.94]))
    assert found.factor == pytest.approx(UNIT, rel=0.01)
    assert found.scale.metric
    assert found.scale.std == pytest.approx(0.01 / HEIGHT, rel=0.3)
    assert "0.42 m above the floor" in found.scale.source


def test_scale_applies_to_positions_and_points_only() -> None:
    points, poses = turned(room(), drive_poses())
    found = from_camera_height(HEIGHT, points, poses, np.array([0.34, 0.0, 0.94]))
    metric, metres = found.apply(poses, points)
    np.testing.assert_allclose(metric[:, :3, :3], poses[:, :3, :3])
    length = np.linalg.norm(metric[-1, :3, 3] - metric[0, :3, 3])
    truth = np.linalg.norm(drive_poses()[-1, :3, 3] - drive_poses()[0, :3, 3])
    assert length == pytest.approx(truth, rel=0.01)
    np.testing.assert_allclose(metres, points * found.factor)
    assert np.isfinite(poses).all()
    assert poses[0, 0, 3] != metric[0, 0, 3]


def test_map_without_a_floor_gives_no_height() -> None:
    points, poses = turned(room(floor=0), drive_poses())
    with pytest.raises(DatasetError, match=r"no clear floor; use --distance"):
        from_camera_height(HEIGHT, points, poses, np.array([0.34, 0.0, 0.94]))


def test_hand_held_camera_gives_no_height() -> None:
    points, poses = turned(room(), drive_poses(1.4, wobble=0.25))
    with pytest.raises(DatasetError, match="height above the floor changes by"):
        from_camera_height(1.4, points, poses, np.array([0.34, 0.0, 0.94]))


def test_table_is_no_floor() -> None:
    """The table has most points of all planes, but the floor lies below it."""
    points = room(floor=300, walls=100)
    rng = np.random.default_rng(5)
    table = np.column_stack([rng.uniform(1, 4, 900), rng.uniform(1, 3, 900), np.full(900, 0.7)])
    points = np.concatenate([points, table])
    floor = find_floor(points, drive_poses(1.3)[:, :3, 3], np.array([0.0, 0.0, 1.0]))
    assert floor is not None
    assert abs(floor.offset) < 0.01


def test_up_is_the_normal_of_the_floor() -> None:
    points, poses = turned(room(), drive_poses(1.3))
    mount = se3.inverse(se3.BODY_T_OPTICAL)
    up = up_direction(points, poses @ mount, poses)
    truth = np.array([np.sin(np.radians(20)), 0.0, np.cos(np.radians(20))])
    assert np.degrees(np.arccos(up.direction @ truth)) < 0.3
    assert "normal of the floor" in up.source

    tilted = se3.exp(np.array([0, 0, 0, np.radians(25), 0, 0])) @ mount
    up = up_direction(points, poses @ tilted, poses)
    assert np.degrees(np.arccos(up.direction @ truth)) < 0.3
    assert "differs by 25." in up.source or "differs by 24." in up.source


def test_up_without_a_floor_is_that_of_the_mount() -> None:
    points, poses = turned(room(floor=0), drive_poses(1.3))
    up = up_direction(points, poses @ se3.inverse(se3.BODY_T_OPTICAL), poses)
    truth = np.array([np.sin(np.radians(20)), 0.0, np.cos(np.radians(20))])
    np.testing.assert_allclose(up.direction, truth, atol=1e-6)
    assert "no clear floor" in up.source


def test_distance_between_two_frames_gives_the_scale() -> None:
    points, poses = turned(room(), drive_poses())
    metres = float(np.linalg.norm(drive_poses()[50, :3, 3] - drive_poses()[10, :3, 3]))
    found = from_distance(mapped_drive(poses), 30, 150, metres, points)
    assert found.factor == pytest.approx(UNIT, rel=1e-6)
    assert found.scale.metric
    assert 0.003 < found.scale.std < 0.02
    assert "between frames 30 and 150 of kitchen" in found.scale.source


def test_frames_without_a_pose_or_too_close_are_refused() -> None:
    points, poses = turned(room(), drive_poses())
    poses[10] = np.nan
    with pytest.raises(DatasetError, match="frame 30 could not be located"):
        from_distance(mapped_drive(poses), 30, 150, 1.0, points)
    with pytest.raises(DatasetError, match="farther apart"):
        from_distance(mapped_drive(poses), 60, 63, 0.07, points)
