"""Occupancy grids of made rooms: driven cells, walls, obstacles, and the order of drives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from made_maps import MOUNT, MadeRoom, made_drive, made_place, way, without_poses

from localization_common.errors import ConfigError, MapError
from localization_mapping.mapped_place import MappedPlace, Scale
from localization_mapping.occupancy.building import occupancy_grid
from localization_mapping.occupancy.config import OccupancyConfig
from localization_mapping.occupancy.grid import FREE, OCCUPIED, UNKNOWN, OccupancyGrid

Array = npt.NDArray[np.float64]

ROOM = MadeRoom()
BOX = ((2.5, 1.0, 0.0), (3.0, 1.5, 0.5))
#: Table whose plate is 6 cm thick; the floor is seen below it.
TABLE = ((1.5, 1.8, 0.69), (2.5, 2.6, 0.75))
#: Focal length in pixels of features whose points are accurate.
SHARP = 400.0
ROUND = way((0.6, 0.6), (3.4, 0.6), (3.4, 2.4), (0.6, 2.4), (0.6, 0.6))


def inside(grid: OccupancyGrid, low: tuple[float, float], high: tuple[float, float]) -> npt.NDArray[np.int8]:
    """Values of the cells whose middle is in a rectangle."""
    middles = grid.area.centres()
    return grid.cells[((middles > low) & (middles < high)).all(axis=-1)]


def share(cells: npt.NDArray[np.int8], value: int) -> float:
    return float((cells == value).mean())


@pytest.fixture(scope="module")
def depth_grid() -> OccupancyGrid:
    return occupancy_grid(made_place(made_drive(MadeRoom(boxes=(BOX,)), ROUND)))


def test_a_room_is_free_up_to_its_walls_and_its_box(depth_grid: OccupancyGrid) -> None:
    middles = depth_grid.area.centres()
    room = ((middles > 0.05) & (middles < (3.95, 2.95))).all(axis=-1)
    box = ((middles > (2.45, 0.95)) & (middles < (3.05, 1.55))).all(axis=-1)
    assert share(depth_grid.cells[room & ~box], FREE) > 0.97


def test_walls_are_occupied_and_the_space_behind_them_is_unknown(depth_grid: OccupancyGrid) -> None:
    for low, high in (((-0.06, 0.3), (0.05, 2.7)), ((3.95, 0.3), (4.06, 2.7))):
        wall = inside(depth_grid, low, high).reshape(-1, 2)
        assert share(wall.max(axis=1), OCCUPIED) > 0.97, "one of two columns beside the wall's face is occupied"
    behind = np.concatenate([inside(depth_grid, (-1.0, -1.0), (-0.05, 4.0)), inside(depth_grid, (4.05, 0), (5.0, 3.0))])
    assert not (behind == FREE).any()
    assert not (inside(depth_grid, (-1.0, 3.05), (5.0, 3.6)) == FREE).any()


def test_faces_of_a_box_are_occupied_and_nothing_in_it_is_free(depth_grid: OccupancyGrid) -> None:
    assert not (inside(depth_grid, (2.5, 1.0), (3.0, 1.5)) == FREE).any()
    assert share(inside(depth_grid, (2.5, 0.95), (3.0, 1.05)).reshape(2, -1).max(axis=0), OCCUPIED) > 0.85


def test_floor_below_a_table_is_not_free() -> None:
    grid = occupancy_grid(made_place(made_drive(MadeRoom(boxes=(TABLE,)), way((0.5, 0.5), (3.5, 0.5), (3.5, 1.3)))))
    assert share(inside(grid, TABLE[0][:2], TABLE[1][:2]), FREE) < 0.01
    assert share(inside(grid, (1.5, 0.8), (2.5, 1.1)), FREE) > 0.85


def test_the_way_is_free_as_wide_as_the_robot_and_not_where_frames_are_not_located() -> None:
    drive = made_drive(ROOM, way((0.5, 1.5), (3.5, 1.5)), depth=False)
    config = OccupancyConfig(robot_radius=0.3, resolution=0.02)
    dark = replace(drive, sequence=replace(drive.sequence, read_image=lambda i: np.zeros((90, 120, 3), np.uint8)))
    grid = occupancy_grid(made_place(without_poses(dark, slice(7, 14))), config)
    middles = grid.area.centres()[grid.free]
    assert middles[:, 1].min() == pytest.approx(1.21)
    assert middles[:, 1].max() == pytest.approx(1.79)
    assert grid.at(np.array([[1.0, 1.5], [2.0, 1.5], [3.0, 1.5]])).tolist() == [FREE, UNKNOWN, FREE]


def test_points_alone_make_walls_and_the_floor_in_front_of_low_points_free() -> None:
    rng = np.random.default_rng(0)
    wall = np.column_stack([rng.uniform(0.5, 3.5, 400), np.full(400, 3.0), rng.uniform(0.12, 0.9, 400)])
    floor = np.column_stack([rng.uniform(0.5, 3.5, (300, 2)) * [1.0, 0.8], np.zeros(300)])
    drive = made_drive(ROOM, way((0.6, 0.6), (3.4, 0.6), (3.4, 2.0), (0.6, 2.0), (0.6, 0.6)), depth=False)
    place = made_place(drive, points=np.concatenate([wall, floor]), room=ROOM)
    dark = replace(drive, sequence=replace(drive.sequence, read_image=lambda i: np.zeros((90, 120, 3), np.uint8)))
    grid = occupancy_grid(replace(place, drives=(dark,), focal=SHARP))
    near_wall = inside(grid, (0.6, 2.95), (3.4, 3.05)).reshape(2, -1).max(axis=0)
    assert share(near_wall, OCCUPIED) > 0.7
    assert not (inside(grid, (0.0, 3.05), (4.0, 4.0)) == FREE).any()
    middle = inside(grid, (1.0, 1.0), (3.0, 1.6))
    assert share(middle, FREE) > 0.4, "sight lines end on the floor there, and nobody drove there"
    assert not (middle == OCCUPIED).any()


def test_images_without_depth_show_the_floor() -> None:
    room = MadeRoom(size=(5.0, 4.0), boxes=(((2.2, 1.7, 0.0), (2.8, 2.3, 0.8)),))
    drive = made_drive(room, way((0.8, 0.8), (4.2, 0.8), (4.2, 3.2), (0.8, 3.2), (0.8, 0.8)), depth=False)
    grid = occupancy_grid(made_place(drive))
    driven_only = occupancy_grid(
        made_place(
            replace(drive, sequence=replace(drive.sequence, read_image=lambda i: np.zeros((90, 120, 3), np.uint8)))
        )
    )
    assert grid.free.sum() > 1.5 * driven_only.free.sum()
    assert not (inside(grid, (2.2, 1.7), (2.8, 2.3)) == FREE).any()
    assert (inside(grid, (0.0, 0.0), (5.0, 4.0)) == FREE).sum() == grid.free.sum(), "nothing behind the walls is free"


def test_the_way_beats_a_wrong_point() -> None:
    wrong = np.array([[2.0, 1.5, 0.5]])
    drive = made_drive(ROOM, way((0.5, 1.5), (1.2, 1.5)), depth=False)
    later = made_drive(ROOM, way((1.2, 1.5), (3.5, 1.5)), depth=False)
    seen = replace(made_place(drive, points=wrong), focal=SHARP)
    assert occupancy_grid(seen).at(wrong[:, :2]) == OCCUPIED
    crossed = made_drive(ROOM, np.concatenate([drive.map_T_base, later.map_T_base]), depth=False)
    assert occupancy_grid(replace(made_place(crossed, points=wrong), focal=SHARP)).at(wrong[:, :2]) == FREE


def test_one_wrong_depth_image_makes_no_obstacle() -> None:
    drive = made_drive(ROOM, way((0.5, 1.5), (2.0, 1.5)))
    read = drive.sequence.read_depth
    assert read is not None
    wall = MadeRoom(size=(2.5, 3.0))
    poses = drive.map_T_camera
    once = replace(drive.sequence, read_depth=lambda i: wall.depth(poses[i]) if i == 5 else read(i))
    always = replace(drive.sequence, read_depth=lambda i: wall.depth(poses[i]))
    at = np.array([[2.475, 1.525], [2.525, 1.525]])
    assert occupancy_grid(made_place(replace(drive, sequence=once))).at(at).tolist() == [FREE, FREE]
    assert OCCUPIED in occupancy_grid(made_place(replace(drive, sequence=always))).at(at)


@pytest.mark.parametrize("depth", [True, False])
def test_later_drives_overrule_earlier_ones(depth: bool) -> None:
    box = ((1.8, 1.3, 0.0), (2.2, 1.7, 0.8))
    rng = np.random.default_rng(1)
    face = np.column_stack([np.full(300, 1.8), rng.uniform(1.3, 1.7, 300), rng.uniform(0.1, 0.8, 300)])
    towards = made_drive(MadeRoom(boxes=(box,)), way((0.5, 1.2), (1.4, 1.2), (0.5, 1.5), (1.4, 1.5)), depth=depth)
    through = made_drive(ROOM, way((0.5, 1.5), (3.5, 1.5)), depth=depth)
    came, went = (made_place(*drives, points=face) for drives in ((through, towards), (towards, through)))
    came, went = (_observed_by(place, towards) for place in (came, went))
    at = np.column_stack([np.full(6, 1.825 if not depth else 1.8 + 1e-6), np.linspace(1.37, 1.63, 6)])
    assert (occupancy_grid(came).at(at) == OCCUPIED).mean() > 0.6, "something was put there"
    assert (occupancy_grid(went).at(at) == FREE).all(), "it was taken away"


def _observed_by(place: MappedPlace, drive: object) -> MappedPlace:
    """Place whose points were observed in one drive only."""
    kept = np.array([place.drives[number] is drive for number in place.keyframe_drive])[place.tracks.keyframe]
    tracks, points = place.tracks.keep(kept, least=1)
    return replace(place, tracks=tracks, points=place.points[points], focal=SHARP)


def test_a_standing_robot_is_read_once() -> None:
    drive = made_drive(ROOM, np.repeat(way((0.5, 1.5), (0.6, 1.5))[:1], 50, axis=0))
    read, positions = drive.sequence.read_depth, []
    assert read is not None

    def counted(position: int) -> npt.NDArray[np.float32]:
        positions.append(position)
        return read(position)

    occupancy_grid(made_place(replace(drive, sequence=replace(drive.sequence, read_depth=counted))))
    assert positions == [0]


def test_places_without_scale_floor_or_poses_are_refused() -> None:
    place = made_place(made_drive(ROOM, way((0.5, 1.5), (1.0, 1.5))))
    with pytest.raises(MapError, match="not metric"):
        occupancy_grid(replace(place, scale=Scale(False, "not known")))
    drive = place.drives[0]
    low = np.block([[MOUNT[:3, :3], np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])
    with pytest.raises(MapError, match="the height of the floor is not known"):
        occupancy_grid(replace(place, drives=(replace(drive, sequence=replace(drive.sequence, base_T_camera=low)),)))
    with pytest.raises(MapError, match="no frame is located"):
        occupancy_grid(replace(place, drives=(without_poses(drive, slice(None)),)))
    with pytest.raises(MapError, match="choose larger cells"):
        occupancy_grid(place, OccupancyConfig(resolution=0.001))


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be positive"):
        OccupancyConfig(resolution=0.0)
    with pytest.raises(ConfigError, match="lowest < highest"):
        OccupancyConfig(lowest=1.2)
