"""Comparison of occupancy grids with an apartment's true floor plan, and a grid of a rendered drive."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from small_camera import SMALL

import floor_plan_truth
from localization_common.geometry import planar
from localization_common.keyframes.feature_tracks import FeatureTracks
from localization_mapping.mapped_place import MappedDrive, MappedPlace, Scale
from localization_mapping.occupancy.building import occupancy_grid
from localization_mapping.occupancy.driven import driven_path
from localization_mapping.occupancy.grid import FREE, OCCUPIED, UNKNOWN, GridArea, OccupancyGrid
from localization_sim import drive
from localization_sim.apartments.apartment import Apartment
from localization_sim.rendering import Renderer

Array = npt.NDArray[np.float64]

AREA = GridArea((-0.5, -0.5), 160, 200, 0.05)


@pytest.fixture(scope="module")
def path(renderer: Renderer) -> Array:
    """Positions of the robot in the first 12 m of a drive."""
    return drive.plan(renderer, "train_00").trajectory.poses[:1500:3, :2]


def true_grid(apartment: Apartment, area: GridArea = AREA) -> OccupancyGrid:
    free = floor_plan_truth.free_at(apartment, area.centres().reshape(-1, 2)).reshape(area.shape)
    return OccupancyGrid(area, np.where(free, FREE, OCCUPIED).astype(np.int8))


def test_the_truth_itself_is_perfect(renderer: Renderer, path: Array) -> None:
    found = floor_plan_truth.score(true_grid(renderer.apartment), renderer.apartment, path, reach=1.0)
    assert (found.iou, found.free_found, found.free_right) == (1.0, 1.0, 1.0)
    assert (found.in_wall, found.in_obstacle) == (0, 0)
    assert 2000 < found.cells < 20000


def test_unknown_cells_count_as_missed_and_free_walls_as_wrong(renderer: Renderer, path: Array) -> None:
    apartment = renderer.apartment
    nothing = OccupancyGrid(AREA, np.full(AREA.shape, UNKNOWN, np.int8))
    everything = OccupancyGrid(AREA, np.full(AREA.shape, FREE, np.int8))
    half = true_grid(apartment)
    half.cells[:, ::2][half.cells[:, ::2] == FREE] = UNKNOWN
    assert floor_plan_truth.score(half, apartment, path, reach=0.5).iou == pytest.approx(0.5, abs=0.02)
    assert floor_plan_truth.score(nothing, apartment, path, reach=0.5).iou == 0.0
    found = floor_plan_truth.score(everything, apartment, path, reach=0.5)
    assert found.free_found == 1.0
    assert found.free_right < 1.0
    outside = (AREA.rows * AREA.columns) * 0.05**2 - apartment.plan.width * apartment.plan.height
    assert found.in_wall * 0.05**2 > outside


def test_a_map_in_a_frame_of_its_own_is_moved_to_the_truth(renderer: Renderer, path: Array) -> None:
    truth_T_map = planar.to_se3(np.array([[2.0, 1.0, 0.0]]))[0]
    moved = replace(AREA, origin=(AREA.origin[0] - 2.0, AREA.origin[1] - 1.0))
    grid = OccupancyGrid(moved, true_grid(renderer.apartment).cells)
    assert floor_plan_truth.score(grid, renderer.apartment, path, reach=1.0, truth_T_map=truth_T_map).iou == 1.0
    assert floor_plan_truth.score(grid, renderer.apartment, path, reach=1.0).iou < 0.8


def test_a_rendered_drive_with_depth_gives_the_floor_plan(renderer: Renderer) -> None:
    sequence = drive.as_sequence(renderer, drive.plan(renderer, "train_00"), labels=False)
    sequence = sequence.select(np.arange(0, len(sequence), 3))
    count = len(sequence)
    mapped = MappedDrive(sequence, sequence.map_T_camera, np.full(count, 0.5), np.full(count, 50))
    nothing = np.empty(0, np.int64)
    place = MappedPlace(
        drives=(mapped,),
        keyframe_drive=nothing,
        keyframe_position=nothing,
        map_T_camera=np.empty((0, 4, 4)),
        features=(),
        thumbnails=np.empty((0, 0), dtype=np.uint8),
        focal=SMALL.fx,
        points=np.empty((0, 3)),
        tracks=FeatureTracks(nothing, nothing, nothing),
        scale=Scale(True, "truth"),
        closures=np.empty((0, 2), np.int64),
    )
    found = floor_plan_truth.score(occupancy_grid(place), renderer.apartment, driven_path(mapped, 0.025), reach=0.5)
    assert found.iou > 0.85
    assert found.in_wall == 0
    assert found.in_obstacle <= 5
